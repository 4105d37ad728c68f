-- Write fields of a hash, also on a full server.  KEYS: 1 a hash.  ARGV: 1 time or '', 2.. fields and values.  Returns {}.

redis.call('HDEL', KEYS[1], '') -- a first write that a full server allows
for at = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
return {}
