// An SMPP server on npm's `smpp`: it binds, takes submits and tells receipts. It is told what to do in JSON, a line each:
// options as its argument, orders on its standard input; it answers with JSON lines. It ends with its standard input.
'use strict';

const readline = require('readline');
const smpp = require(require.resolve('smpp', { paths: [process.env.SMPP_PEER_MODULES || __dirname] }));

const options = Object.assign(
  { port: 0, login: 'demo', password: 'demo', receipts: false, log: true },
  JSON.parse(process.argv[2] || '{}'),
);
const octets = smpp.types.tlv.buffer;
smpp.addTLV('gateway_cost', { id: 0x2000, type: octets });
smpp.addTLV('gateway_flag', { id: 0x2001, type: octets });
smpp.addTLV('gateway_parts', { id: 0x2002, type: octets });
smpp.addTLV('gateway_strange', { id: 0x2003, type: octets });

const sessions = new Set();
const next = { throttle: 0, silence: 0, cut: 0, early: 0, twice: 0 }; // so many submits are treated in this way
const count = { binds: 0, submits: 0, throttled: 0, acknowledged: 0, enquiries: 0, largest_window: 0 };
let lastId = 0;

function say(event, told) {
  process.stdout.write(JSON.stringify({ event, ...told }) + '\n');
}

function takes(kind) {
  if (!next[kind]) return false;
  next[kind] -= 1;
  return true;
}

function shown(message) {
  const said = message && message.message !== undefined ? message.message : message;
  const header = message && message.udh ? Buffer.concat([].concat(message.udh)).toString('hex') : '';
  return Buffer.isBuffer(said) ? { octets: said.toString('hex'), header } : { text: said, header };
}

function receipt(session, pdu, id) {
  const told = {
    source_addr: pdu.destination_addr,
    destination_addr: pdu.source_addr,
    esm_class: 4,
    short_message:
      `id:${id} sub:001 dlvrd:001 submit date:2611291605 done date:2611291606 stat:DELIVRD err:000 text:`,
    receipted_message_id: id,
    message_state: 2,
    network_error_code: Buffer.from([3, 0, 0]),
    gateway_cost: Buffer.from('3.8000'),
    gateway_flag: Buffer.from([0, 0]),
    gateway_parts: Buffer.from([0, 1]),
    gateway_strange: Buffer.from('25002'),
  };
  session.deliver_sm(told, (answer) => {
    count.acknowledged += 1;
    if (options.log) say('acknowledged', { id, status: answer.command_status });
  });
}

function submitted(session, pdu) {
  count.submits += 1;
  if (options.log) {
    say('submit', {
      from: pdu.source_addr,
      to: pdu.destination_addr,
      coding: pdu.data_coding,
      receipt: pdu.registered_delivery,
      ...shown(pdu.short_message),
    });
  }
  if (takes('throttle')) {
    count.throttled += 1;
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  lastId += 1;
  const id = String(lastId);
  if (takes('silence')) return;
  if (takes('cut')) {
    session.destroy();
    return;
  }
  if (takes('early')) {
    receipt(session, pdu, id);
    setTimeout(() => session.send(pdu.response({ message_id: id })), 100);
    return;
  }
  session.send(pdu.response({ message_id: id }));
  if (options.receipts && pdu.registered_delivery) {
    receipt(session, pdu, id);
    if (takes('twice')) receipt(session, pdu, id);
  }
}

const server = smpp.createServer((session) => {
  sessions.add(session);
  let isBound = false;
  const bind = (pdu) => {
    count.binds += 1;
    isBound = pdu.system_id === options.login && pdu.password === options.password;
    if (options.log) say('bind', { command: pdu.command, login: pdu.system_id, type: pdu.system_type, good: isBound });
    session.send(pdu.response(isBound ? { system_id: 'peer' } : { command_status: smpp.ESME_RINVPASWD }));
    if (!isBound) session.close();
  };
  for (const command of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) session.on(command, bind);
  session.on('submit_sm', (pdu) =>
    isBound ? submitted(session, pdu) : session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS })));
  session.on('enquire_link', (pdu) => {
    count.enquiries += 1;
    session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    if (options.log) say('unbind', {});
    session.send(pdu.response());
    session.close();
  });
  session.on('unknown', (pdu) => session.send(pdu.response()));
  session.on('error', () => session.destroy());
  session.on('close', () => sessions.delete(session));
});

const orders = {
  count: () => say('count', { ...count, sessions: sessions.size }),
  close: () => [...sessions].forEach((session) => session.destroy()),
  unbind: () => [...sessions].forEach((session) => session.unbind()),
  enquire: () => [...sessions].forEach((session) => session.enquire_link((answer) => say('enquired', { command: answer.command }))),
};

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line);
    if (order.do) orders[order.do]();
    else Object.assign(next, order);
  })
  .on('close', () => process.exit(0));
server.listen(options.port, '127.0.0.1', () => say('ready', { port: server.address().port }));
