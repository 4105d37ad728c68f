-- Go on with gateway ids in an unused range. KEYS: 1 run, 2 n:gid, 3 ctl.
-- ARGV: 1 time or '', 2 the counter as it was looked at, 3 the first id of the range less one, 4 its last.
-- Returns {'moved', counter} | {'halted'} | {'fresh'}. Afterwards: the roll call still knows the highest id of before.
-- include: run

local counter = redis.call('GET', KEYS[2]) or '0'
if counter ~= ARGV[2] then return { 'moved', counter } end
if redis.call('HGET', KEYS[1], 'current') ~= run(KEYS[1]) or redis.call('HEXISTS', KEYS[3], 'fell') == 1 then
  return { 'halted' }
end
local top = tonumber(redis.call('HGET', KEYS[1], 'gid_top') or '0')
redis.call('HSET', KEYS[1], 'gid_top', string.format('%.0f', math.max(top, tonumber(counter))), 'gid_last', ARGV[4])
redis.call('SET', KEYS[2], ARGV[3])
return { 'fresh' }
