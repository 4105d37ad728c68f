-- Wake one of the workers that wait for something to send. KEYS: 1 the bell of what is ready.  ARGV: 1 time or ''.
-- Returns {}. Afterwards the bell has a ring more, or it has as many as it holds.

if redis.call('LLEN', KEYS[1]) < MOST_READY_RINGS then redis.call('RPUSH', KEYS[1], '') end
return {}
