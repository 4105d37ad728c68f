-- Lead the duties for a while. KEYS: 1 lead.  ARGV: 1 time or '', 2 who, 3 ms.
-- Returns {1} for the leader, {0} for a standby. Safety does not depend on there being one leader.

local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[2] then return { 0 } end
redis.call('PERSIST', KEYS[1]) -- a first write that a full server allows
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return { 1 }
