-- Slow or halt the login. KEYS: 1 ctl.
-- ARGV: 1 time or '', 2 'throttled' base ms | 'ask_later' ms | 'answered' | 'erred' span ms | 'login' fingerprint |
--       'logged_in' | 'money' | 'topped_up'.
-- Returns {ms of pause} or {}. 'throttled' grows with each call until an answer comes; answers to requests that were
-- under way when the pause began do not make it grow.

redis.call('HDEL', KEYS[1], '') -- a first write that a full server allows
local verb = ARGV[2]
if verb == 'throttled' then
  local quiet = tonumber(redis.call('HGET', KEYS[1], 'quiet_until') or '0')
  local ms = tonumber(ARGV[3])
  if quiet <= now then ms = ms * 2 ^ math.min(redis.call('HINCRBY', KEYS[1], 'throttles', 1) - 1, 5) end
  local until_ms = math.max(now + ms, quiet)
  redis.call('HSET', KEYS[1], 'quiet_until', until_ms)
  return { until_ms - now }
elseif verb == 'ask_later' then
  local until_ms = math.max(now + tonumber(ARGV[3]), tonumber(redis.call('HGET', KEYS[1], 'ask_again_at') or '0'))
  redis.call('HSET', KEYS[1], 'ask_again_at', until_ms)
elseif verb == 'answered' then
  redis.call('HDEL', KEYS[1], 'throttles')
elseif verb == 'erred' then
  local span = redis.call('HGET', KEYS[1], 'errors_until')
  if not span or tonumber(span) <= now then
    redis.call('HSET', KEYS[1], 'errors', 0, 'errors_until', now + tonumber(ARGV[3]))
  end
  redis.call('HINCRBY', KEYS[1], 'errors', 1)
elseif verb == 'logged_in' then
  redis.call('HDEL', KEYS[1], 'bad_login')
elseif verb == 'login' then
  redis.call('HSET', KEYS[1], 'bad_login', ARGV[3])
elseif verb == 'money' then
  redis.call('HSETNX', KEYS[1], 'no_money', now)
elseif verb == 'topped_up' then
  redis.call('HDEL', KEYS[1], 'no_money')
  redis.call('HSET', KEYS[1], 'topped_up_at', now)
end
return {}
