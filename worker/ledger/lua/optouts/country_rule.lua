-- Say what becomes of all that goes to a country, or take that back.
-- KEYS: 1 shield:rules, 2 ctl.  ARGV: 1 time or '', 2 'allow'|'block'|'monitor'|'release', 3 the country's letters, or * for
--       every country without a rule of its own.
-- Returns {the rule there was, '' for none}. Afterwards: what is blocked from now on leaves batches before they are claimed.

local name = 'all:' .. ARGV[3]
local raw = redis.call('HGET', KEYS[1], name)
local before = raw and cmsgpack.unpack(raw).k or ''
if ARGV[2] == 'release' then
  if redis.call('HDEL', KEYS[1], name) == 1 then redis.call('HINCRBY', KEYS[2], 'screen:countries', -1) end
else
  redis.call('HSET', KEYS[1], name, cmsgpack.pack({ k = ARGV[2], f = now, u = 0 }))
  if before == '' then redis.call('HINCRBY', KEYS[2], 'screen:countries', 1) end
end
if before ~= ARGV[2] then redis.call('HINCRBY', KEYS[2], 'screen', 1) end
return { before }
