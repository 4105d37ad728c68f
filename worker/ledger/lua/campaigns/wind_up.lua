-- End the batches of a cancelled campaign that were never claimed, a portion at a time.
-- KEYS: 1 campaign, 2 held batches, 3 ready:bulk, 4 run, 5 totals, 6 stubs, 7.. hashes of batches, each once.
-- ARGV: 1 time or '', 2 how many batches have been looked at with these, 3.. pairs: reference, which of the hashes.
-- Returns {'wound', messages ended, references to drop one by one...}, {'halted'} while the run is not in force, or
-- {'stale'} for a campaign that is not cancelled. Afterwards: a batch that was claimed once, or that a journal has and
-- the ledger forgot, is unchanged: `drop` asks about it first if it may have been accepted.
-- include: run

local c = redis.call('HMGET', KEYS[1], 'state', 'every')
if c[1] ~= 'cancelled' then return { 'stale' } end
if redis.call('HGET', KEYS[4], 'current') ~= run(KEYS[4]) then return { 'halted' } end
redis.call('ZREM', KEYS[3], '') -- a first write that a full server allows

local told = redis.call('EXISTS', KEYS[6]) == 1
local verdict = struct.pack('>BBBI4I4', CANCELLED, 0, 0, 0, math.floor(now / 1000))
local reply = { 'wound', 0 }
local batches, messages, by_channel = 0, 0, {}
for at = 3, #ARGV, 2 do
  local ref, place = ARGV[at], 6 + tonumber(ARGV[at + 1])
  local number = string.match(ref, '^%d+')
  local raw = redis.call('HGET', KEYS[place], number .. 'm')
  local m = raw and cmsgpack.unpack(raw)
  if m and m[STATE] == READY then
    -- A pending batch's meta ends with its channel.
    if told or #m > CHANNEL or redis.call('HEXISTS', KEYS[place], number .. 'r') == 1 then
      reply[#reply + 1] = ref
    else
      m[STATE] = SETTLED
      redis.call('HSET', KEYS[place], number .. 'm', cmsgpack.pack(m), number .. 'r', string.rep(verdict, m[COUNT]))
      redis.call('ZREM', KEYS[3], ref)
      redis.call('SREM', KEYS[2], ref)
      batches, messages = batches + 1, messages + m[COUNT]
      by_channel[m[CHANNEL]] = (by_channel[m[CHANNEL]] or 0) + m[COUNT]
    end
  end
end
redis.call('HSET', KEYS[1], 'wound', ARGV[2])
if batches > 0 then
  redis.call('HINCRBY', KEYS[5], 'batches:bulk:' .. READY, -batches)
  redis.call('HINCRBY', KEYS[5], 'batches:bulk:' .. SETTLED, batches)
  local recurs = c[2] and c[2] ~= '' -- then none of it was to leave
  for channel, many in pairs(recurs and {} or by_channel) do
    redis.call('HINCRBY', KEYS[5], 'messages:bulk:' .. channel .. ':' .. NAME[CANCELLED], many)
  end
  redis.call('HINCRBY', KEYS[1], 's:' .. NAME[CANCELLED], messages)
  redis.call('HINCRBY', KEYS[1], 's:queued', -messages)
  local left = redis.call('HMGET', KEYS[1], 's:queued', 's:sending', 's:doubtful', 's:accepted')
  local is_over = true
  for at = 1, 4 do
    if left[at] and left[at] ~= '0' then is_over = false end
  end
  if is_over then redis.call('HSETNX', KEYS[1], 'done_at', now) end
end
reply[2] = messages
return reply
