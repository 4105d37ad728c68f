-- Set or take back an operator's rule for a prefix or a country.
-- KEYS: 1 shield:rules, 2 shield:held.
-- ARGV: 1 time or '', 2 'allow' | 'deny' | 'hold' | 'release', 3 the digits or letters, 4 ms a hold lasts (0: until it is
--       released), or that a released prefix is left alone.
-- Returns { the rule there was, '' for none }. A released hold keeps its count, so that the next lasts longer.

local verb, name, ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
local raw = redis.call('HGET', KEYS[1], name)
local rule = raw and cmsgpack.unpack(raw) or {}
local before = rule.k or ''
if before == 'hold' and rule.u > 0 and rule.u <= now then before = '' end -- it was over
if verb == 'release' then
  if before == 'hold' or before == 'grace' then
    redis.call('ZADD', KEYS[2], now, name)
    redis.call('HSET', KEYS[1], name, cmsgpack.pack({ k = 'grace', f = now, u = now + ms, n = rule.n }))
  elseif before ~= '' then
    redis.call('HDEL', KEYS[1], name)
  end
  return { before }
end
local kept = { k = verb, f = now, u = 0 }
redis.call('ZREM', KEYS[2], name)
if verb == 'hold' then
  kept.n = rule.n
  if ms > 0 then kept.u = now + ms end
  redis.call('ZADD', KEYS[2], ms > 0 and kept.u or '+inf', name)
end
redis.call('HSET', KEYS[1], name, cmsgpack.pack(kept))
return { before }
