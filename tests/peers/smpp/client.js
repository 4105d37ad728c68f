// An SMPP client on npm's `smpp`: it binds, submits what it is told, prints each answer and receipt as a JSON line, unbinds.
'use strict';

const smpp = require(require.resolve('smpp', { paths: [process.env.SMPP_PEER_MODULES || __dirname] }));
const told = JSON.parse(process.argv[2]);
for (const [name, id] of [['gateway_cost', 0x2000], ['gateway_flag', 0x2001], ['gateway_parts', 0x2002]]) {
  smpp.addTLV(name, { id, type: smpp.types.tlv.buffer });
}

function say(event, more) {
  process.stdout.write(JSON.stringify({ event, ...more }) + '\n');
}

let receipts = 0;
const session = smpp.connect({ url: told.url }, () => {
  session.bind_transceiver({ system_id: told.login, password: told.password }, (bound) => {
    say('bound', { status: bound.command_status, name: bound.system_id });
    if (bound.command_status) {
      session.close();
      return;
    }
    for (const one of told.submits) {
      const message = { message: one.text };
      if (one.header) message.udh = Buffer.from(one.header, 'hex');
      session.submit_sm(
        {
          source_addr: 'Brand',
          destination_addr: one.to,
          registered_delivery: 1,
          data_coding: one.coding,
          short_message: message,
        },
        (answer) => say('answered', { status: answer.command_status, id: answer.message_id, to: one.to }),
      );
    }
  });
});
session.on('deliver_sm', (pdu) => {
  session.send(pdu.response());
  const text = pdu.short_message.message;
  say('receipt', {
    from: pdu.source_addr,
    esm_class: pdu.esm_class,
    text: text.toString(),
    id: pdu.receipted_message_id,
    state: pdu.message_state,
    error: pdu.network_error_code.toString('hex'),
    cost: pdu.gateway_cost.toString(),
    flag: pdu.gateway_flag.toString('hex'),
    parts: pdu.gateway_parts.toString('hex'),
  });
  receipts += 1;
  if (receipts === told.receipts) session.unbind(() => session.close());
});
session.on('error', (error) => say('error', { code: error.code }));
