-- Count the campaigns that are kept, up to a number.
-- KEYS: 1 campaigns, 2 census, 3 totals.  ARGV: 1 time or '', 2 how many at most.
-- Returns {how many}. Afterwards `census` holds it, and a change of it is counted; a repeat changes nothing.

redis.call('ZREM', KEYS[1], '') -- a first write that a full server allows
local found = tostring(math.min(redis.call('ZCARD', KEYS[1]), tonumber(ARGV[2])))
if redis.call('GET', KEYS[2]) ~= found then
  redis.call('SET', KEYS[2], found)
  redis.call('HINCRBY', KEYS[3], 'censuses:' .. (found == '0' and 'none' or 'some'), 1)
end
return { found }
