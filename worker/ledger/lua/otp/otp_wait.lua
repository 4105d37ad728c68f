-- Look at a cascade again at a moment, unless something happened to it meanwhile.
-- KEYS: 1 cascade.  ARGV: 1 time or '', 2 id, 3 Unix ms.
-- Returns {1} if it waits, {0} if it ended or is due already. Repeating it changes nothing.

local score = redis.call('ZSCORE', KEYS[1], ARGV[2])
if not score or tonumber(score) <= now then return { 0 } end
redis.call('ZADD', KEYS[1], 'XX', ARGV[3], ARGV[2])
return { 1 }
