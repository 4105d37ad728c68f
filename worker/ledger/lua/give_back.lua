-- A counted request is over: its slot is free, and what the gateway counts per time counts from now.
-- KEYS: 1 slots:<kind>, 2.. limit:<what>.  ARGV: 1 time or '', 2 token.  Returns {}.

redis.call('ZREM', KEYS[1], ARGV[2]) -- a first write that a full server allows
for place = 2, #KEYS do redis.call('ZADD', KEYS[place], 'XX', now, ARGV[2]) end
return {}
