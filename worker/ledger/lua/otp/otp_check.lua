-- Count one try of a code and judge it: a limited number of wrong ones, and one right one ever.
-- KEYS: 1 code:<id>, 2 code:<id>:s, 3 run, 4 ctl, 5 totals, 6 cascade.
-- ARGV: 1 time or '', 2 nonce of this try, 3 '1' if the keyed hashes were equal, 4 id.
-- Returns {'right'|'wrong'|'expired'|'used'|'locked'|'unknown'} or {'halted', why}.
-- A repeat with the same nonce gets the same answer and counts nothing. With the last try the sealed part is removed, and
-- no further channel is tried.
-- include: run

redis.call('HDEL', KEYS[1], '') -- a first write that a full server allows
local c = redis.call('HMGET', KEYS[1], 'made_at', 'expires_at', 'state', 'by', 'tries', 'most', 'try:' .. ARGV[2])
local function judged(verdict)
  redis.call('HINCRBY', KEYS[5], 'codes:' .. verdict, 1)
  return { verdict }
end

if not c[1] then return judged('unknown') end
if redis.call('HGET', KEYS[3], 'current') ~= run(KEYS[3]) then return { 'halted', 'run' } end
local ctl = redis.call('HMGET', KEYS[4], 'fell', 'recovered_at')
if ctl[1] then return { 'halted', 'fell' } end
if c[4] == ARGV[2] then return { 'right' } end
if c[7] then return { 'wrong' } end
if c[3] then return judged(c[3]) end
-- A ledger that fell back may have forgotten that the code was used.
if now >= tonumber(c[2]) or (ctl[2] and tonumber(ctl[2]) >= tonumber(c[1])) then
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[6], ARGV[4])
  return judged('expired')
end
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'state', 'used', 'by', ARGV[2])
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[6], ARGV[4])
  return judged('right')
end
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
redis.call('HSET', KEYS[1], 'try:' .. ARGV[2], 1)
if tries >= tonumber(c[6]) then
  redis.call('HSET', KEYS[1], 'state', 'locked')
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[6], ARGV[4])
end
return judged('wrong')
