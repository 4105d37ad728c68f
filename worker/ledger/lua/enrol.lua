-- Accept one message: its idempotency key, its batch of one and its place in the queue, together.
-- KEYS: of the batch, the last the idempotency key's record ('' where there is none).
-- ARGV: 4 digest of the content, 5 meta, 6 phones, 7 texts, 8 hash of the key or '', 9 ms until it is hinted again.
-- Returns {'created'|'same'|'conflict', message id, run, n}, {'halted', why} or {'renumber'}.
-- Afterwards: the message is in the ledger once per key, or nothing was written.

if ARGV[8] ~= '' then
  local known = redis.call('HMGET', KEYS[#KEYS], 'content', 'id')
  if known[1] then
    if known[1] ~= ARGV[4] then return { 'conflict', known[2] } end
    return { 'same', known[2], '', 0 }
  end
end
local forced, actual = in_force()
if not forced then return { 'halted', 'run' } end
if redis.call('HEXISTS', CTL, 'fell') == 1 then return { 'halted', 'fell' } end
if redis.call('HEXISTS', SHARD, number .. 'm') == 1
  or tonumber(number) > tonumber(redis.call('GET', N_BATCH) or '0') then
  return { 'renumber' }
end
local m = cmsgpack.unpack(ARGV[5])
m[ENROLLED] = now
redis.call('HSET', SHARD, number .. 'm', cmsgpack.pack(m), number .. 'p', ARGV[6], number .. 't', ARGV[7])
redis.call('ZADD', ready_key(m), now + tonumber(ARGV[9]), ref)
local n = redis.call('HINCRBY', RUN, 'n:' .. actual, 1)
add_gauge(m, READY, 1)
count('queued', 1)
local id = number .. '.0'
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[#KEYS], 'content', ARGV[4], 'id', id)
  redis.call('HSET', SHARD, number .. 'k', ARGV[8]) -- the record goes with the message, long after its end
end
return { 'created', id, actual, n }
