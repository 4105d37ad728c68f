-- A worker process is alive. KEYS: 1 owners, 2 run, 3 ctl.  ARGV: 1 time or '', 2 owner.
-- Returns {actual run, run in force or '', what halts or ''}.

if ARGV[2] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 3600000) -- first: a full server allows it, and then the beat
  redis.call('ZADD', KEYS[1], now, ARGV[2])
end
local actual = run(KEYS[2])
return { actual, redis.call('HGET', KEYS[2], 'current') or '', redis.call('HGET', KEYS[3], 'fell') or '' }
