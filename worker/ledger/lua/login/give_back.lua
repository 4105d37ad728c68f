-- Give a permit back: its slot is free, and the gateway's limits per time count from now.
-- KEYS: 1 slots:<kind>, 2.. limit:<what>.  ARGV: 1 time or '', 2 token, 3.. for each limit: ms.  Returns {}.

redis.call('ZREM', KEYS[1], ARGV[2]) -- a first write that a full server allows
for place = 2, #KEYS do -- also if the permit ran out meanwhile: the request was made
  redis.call('ZADD', KEYS[place], now, ARGV[2])
  redis.call('PEXPIRE', KEYS[place], math.max(120000, tonumber(ARGV[1 + place])))
end
return {}
