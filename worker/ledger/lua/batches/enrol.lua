-- Accept one message: its idempotency key, its batch of one and its place in the queue, together.
-- KEYS: of the batch; then the shield's rules, the opt-outs, the bell of what is ready, files, the idempotency key's record
--       ('' if there is none), the stamp.
-- ARGV: 4 digests of the content, the one to keep first, 5 meta, 6 recipients, 7 texts, 8 hash of the key or '',
--       9 ms until it is hinted again, 10 names of the secret keys that the sender has, '' if nothing is sealed,
--       11 the one-time code that it is a message of, or '', 12 ms until that code's cascade is looked at,
--       13 why the step of a code is taken, '' for any other message, 14 digests of its files, 15 names of
--       entries that keep it back, joined by line feeds, '' for a code, the sign of an exempt message if it goes all
--       the same, 16 the country of its phone, '' for an address, 17 '1' if this call repeats itself.
-- Returns {'created'|'same'|'conflict', message id, run, n, '1' if no hint is needed}, {'halted', why},
-- {'sealed'} if the workers hold another secret key, {'optout'}, {'blocked'} by its country's rule,
-- or {'renumber'}.
-- Afterwards: the message is in the ledger once per key, or nothing was written.
-- include: batch, force, lanes, totals, waking

if ARGV[8] ~= '' then
  local known = redis.call('HMGET', KEYS[#KEYS - 1], 'content', 'id')
  if known[1] then
    if not string.find(ARGV[4], known[1], 1, true) then return { 'conflict', known[2] } end
    if ARGV[17] ~= '1' or known[2] ~= number .. '.0' then return { 'same', known[2], '', 0 } end -- else: see below
  end
end
local forced, actual = in_force()
if redis.call('HEXISTS', CTL, 'fell') == 1 then return { 'halted', 'fell' } end
if not forced then return { 'halted', 'run' } end
local secret = ARGV[10] ~= '' and redis.call('HGET', KEYS[#KEYS], 'secret')
if secret and not string.find(ARGV[10], secret, 1, true) then return { 'sealed' } end
local is_known = redis.call('HEXISTS', SHARD, number .. 'm') == 1
if is_known and ARGV[17] == '1' and redis.call('HGET', SHARD, number .. 'p') == ARGV[6] then -- the reply was lost
  return { 'created', number .. '.0', actual, tonumber(redis.call('HGET', RUN, 'n:' .. actual)) }
end
if is_known or tonumber(number) > tonumber(redis.call('GET', N_BATCH) or '0') then
  return { 'renumber' }
end
local screening = redis.call('HMGET', CTL, 'screen', 'screen:countries', 'screen:hashed')
local listed = screening[1]
if ARGV[16] ~= '' and screening[2] and screening[2] ~= '0' then
  local own = redis.call('HMGET', KEYS[#KEYS - 5], 'all:' .. ARGV[16], 'all:*')
  local rule = own[1] or own[2]
  local verb = rule and cmsgpack.unpack(rule).k or 'allow'
  if verb ~= 'allow' then redis.call('HINCRBY', TOTALS, 'countries:' .. ARGV[16] .. ':' .. verb, 1) end
  if verb == 'block' then return { 'blocked' } end
end
if listed and ARGV[15] ~= '' and ARGV[15] ~= EXEMPT then
  for name in string.gmatch(ARGV[15], '[^\n]+') do
    if redis.call('HEXISTS', KEYS[#KEYS - 4], name) == 1 then return { 'optout' } end
  end
end
local m = cmsgpack.unpack(ARGV[5])
m[ENROLLED] = now
redis.call('HSET', SHARD, number .. 'm', cmsgpack.pack(m), number .. 'p', ARGV[6], number .. 't', ARGV[7])
if ARGV[15] == EXEMPT then
  redis.call('HSET', SHARD, number .. 'v', EXEMPT)
elseif listed and ARGV[15] ~= '' and (tonumber(screening[3] or '0') == 0 or string.find(ARGV[15], ':~', 1, true)) then
  redis.call('HSET', SHARD, number .. 'v', listed) -- else nobody looked among the forgotten: the claim has it screened
end
if ARGV[14] ~= '' then
  redis.call('HSET', SHARD, number .. 'f', ARGV[14])
  for digest in string.gmatch(ARGV[14], '%x+') do redis.call('HINCRBY', KEYS[#KEYS - 2], digest, 1) end
end
redis.call('ZADD', ready_key(m), now + tonumber(ARGV[9]), ref)
local n = redis.call('HINCRBY', RUN, 'n:' .. actual, 1)
add_gauge(m, READY, 1)
count('queued', 1)
local id = number .. '.0'
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[#KEYS - 1], 'content', string.match(ARGV[4], '^%x+'), 'id', id)
  redis.call('HSET', SHARD, number .. 'k', ARGV[8]) -- the record goes with the message, long after its end
end
if ARGV[13] == 'first' then redis.call('HINCRBY', TOTALS, 'codes:sent', 1) end
if ARGV[13] ~= '' then redis.call('HINCRBY', TOTALS, 'code_steps:' .. m[CHANNEL] .. ':' .. ARGV[13], 1) end
if ARGV[11] ~= '' then -- the end of this message wakes the code's cascade, if that has not ended
  redis.call('HSET', SHARD, number .. 'c', ARGV[11])
  redis.call('ZADD', CASCADE, 'XX', now + tonumber(ARGV[12]), ARGV[11])
end
local needs_none = is_woken(m, KEYS[#KEYS - 3], 1, string.format('%.1f', now + tonumber(ARGV[9])))
return { 'created', id, actual, n, needs_none and '1' or '' }
