-- Take what is due in a set; it is due again a while later, so a crash between two steps loses nothing.
-- KEYS: 1 the sorted set (ready:<lane>, doubt, asks, watch).  ARGV: 1 time or '', 2 how many at most, 3 ms until it is
-- due again. Returns {now, references...}. For `ready:<lane>` this is the sweep: it brings back batches that were handed
-- out and never claimed, which the broker's redelivery does not.

local refs = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
redis.call('ZREM', KEYS[1], '') -- a first write that a full server allows
for _, ref in ipairs(refs) do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ref) end
table.insert(refs, 1, string.format('%.0f', now))
return refs
