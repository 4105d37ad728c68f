-- Sign off a host that stopped in order: its home takes no claims until it is back, and nothing of it is being sent.
-- KEYS: 1 run, 2 ctl, 3 hosts, 4 homes, 5 away, 6 looks:<run>.
-- ARGV: 1 time or '', 2 run, 3 host, 4 a number drawn for this sign-off, 5 when its master was last heard, as in `homes`,
--       6 how long ago in ms another host may have been heard that could note it.
-- Returns {'signed'} | {'alone'} | {'not now'}.
-- Afterwards: a host that has this number on its disk vouches in the next roll call that nothing was sent since.
-- include: run

redis.call('HDEL', KEYS[5], '') -- a first write that a full server allows
local actual, me = run(KEYS[1]), ARGV[3]
if actual ~= ARGV[2] or redis.call('HGET', KEYS[1], 'current') ~= actual or redis.call('HEXISTS', KEYS[2], 'fell') == 1
  or redis.call('SISMEMBER', KEYS[3], me) == 0 then
  return { 'not now' }
end
-- The host was started again meanwhile, and this call is late.
if redis.call('HGET', KEYS[4], me .. ':at') ~= ARGV[5] then return { 'not now' } end
local is_alone = true
for _, host in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  local heard = tonumber(redis.call('HGET', KEYS[4], host .. ':at') or '0')
  if host ~= me and redis.call('HEXISTS', KEYS[5], host) == 0 and now - heard <= tonumber(ARGV[6]) then is_alone = false end
end
if is_alone then return { 'alone' } end
for _, field in ipairs(redis.call('HKEYS', KEYS[6])) do -- its own notes are gone from its disk: it vouches for no host
  if string.match(field, '^%S+') == me then redis.call('HDEL', KEYS[6], field) end
end
redis.call('HSET', KEYS[5], me, string.format('%s %.0f', ARGV[4], now))
return { 'signed' }
