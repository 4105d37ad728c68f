-- A host is back: take its sign-off out; it may claim once no other host can vouch by that sign-off.
-- KEYS: 1 run, 2 ctl, 3 hosts, 4 homes, 5 away, 6 looks:<run>, 7 gone:<run>.
-- ARGV: 1 time or '', 2 run, 3 host, 4 ms after a look from which on what was noted by it counts no more.
-- Returns {'not now'} | {'waits', until when in ms, hosts that may have noted its sign-off} | {'back'}.
-- include: run

local actual, me = run(KEYS[1]), ARGV[3]
redis.call('HDEL', KEYS[5], me)
if actual ~= ARGV[2] or redis.call('HGET', KEYS[1], 'current') ~= actual or redis.call('HEXISTS', KEYS[2], 'fell') == 1 then
  return { 'not now' }
end
redis.call('SADD', KEYS[3], me)
redis.call('HSET', KEYS[4], me .. ':at', now)
local ends, hosts = 0, {}
local flat = redis.call('HGETALL', KEYS[6])
for at = 1, #flat, 2 do
  local who, whom = string.match(flat[at], '^(%S+) (%S+)$')
  local until_ms = tonumber(flat[at + 1]) + tonumber(ARGV[4])
  if whom == me and now < until_ms and redis.call('SISMEMBER', KEYS[7], who) == 0 then
    ends, hosts[#hosts + 1] = math.max(ends, until_ms), who
  end
end
if #hosts == 0 then return { 'back' } end
table.sort(hosts)
return { 'waits', string.format('%.0f', ends), table.concat(hosts, ' ') }
