-- Note that a worker process lives. KEYS: 1 owners, 2 run, 3 ctl, 4 stamp, 5 sick, 6 homes.
-- ARGV: 1 time or '', 2 owner ('' to look only), 3 why it cannot send just now, '' while it can,
--       4 the host whose master looks, '' for anybody else, 5 which home it is, 6 ms for which this process is sure to
--       hear the bell of what is ready, '' if it does not.
-- Returns {actual run, run in force or '', what halts or '', time in ms, credentials that were refused or '',
--   name of the secret key that seals or '', name of another home that has this host's number now or '', layout or ''}.
-- include: run

local SICK_KEPT_S = 3600
if ARGV[2] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 3600000) -- first: a full server allows it, and then the beat
  redis.call('ZADD', KEYS[1], now, ARGV[2])
  if ARGV[3] == '' then
    redis.call('HDEL', KEYS[5], ARGV[2])
  else
    local known = redis.call('HGET', KEYS[5], ARGV[2])
    if not known or string.match(known, '^%S+') ~= ARGV[3] then -- a repeat does not change since when it has been so
      redis.call('HSET', KEYS[5], ARGV[2], string.format('%s %.0f', ARGV[3], now))
    end
    redis.call('EXPIRE', KEYS[5], SICK_KEPT_S) -- entries of dead processes expire with the last living one
  end
end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[3], 'heard:0', string.format('%.0f', now + tonumber(ARGV[6]))) end
local other = ''
if ARGV[4] ~= '' and ARGV[5] ~= '' then
  local known = redis.call('HMGET', KEYS[6], ARGV[4], ARGV[4] .. ':where')
  if known[2] and known[2] ~= ARGV[5] then other = known[1] or '?' end
end
if ARGV[4] ~= '' and other == '' and now - tonumber(redis.call('HGET', KEYS[6], ARGV[4] .. ':at') or '0') >= 10000 then
  redis.call('HDEL', KEYS[6], '') -- a first write that a full server allows
  if redis.call('HEXISTS', KEYS[6], ARGV[4]) == 1 then redis.call('HSET', KEYS[6], ARGV[4] .. ':at', now) end
end
local ctl = redis.call('HMGET', KEYS[3], 'fell', 'bad_login')
local in_run = redis.call('HMGET', KEYS[2], 'current', 'layout')
return { run(KEYS[2]), in_run[1] or '', ctl[1] or '', string.format('%.0f', now), ctl[2] or '',
  redis.call('HGET', KEYS[4], 'secret') or '', other, in_run[2] or '' }
