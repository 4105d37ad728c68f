-- A master looks which hosts signed off, to note them; kept here until it is certain that its disk no longer has them.
-- KEYS: 1 run, 2 ctl, 3 hosts, 4 homes, 5 away, 6 looks:<run>.
-- ARGV: 1 time or '', 2 run, 3 host, 4 the time in ms of the look that lies on its disk, 0 for none.
-- Returns {'seen', time in ms, host, sign-off, host, sign-off ...} | {'not now'}.
-- Afterwards: for each sign-off that may be on its disk `looks` has the last time it can have been seen.
-- include: run

redis.call('HDEL', KEYS[6], '') -- a first write that a full server allows
local actual, me = run(KEYS[1]), ARGV[3]
if actual ~= ARGV[2] or redis.call('HGET', KEYS[1], 'current') ~= actual or redis.call('HEXISTS', KEYS[2], 'fell') == 1
  or redis.call('SISMEMBER', KEYS[3], me) == 0 or redis.call('HEXISTS', KEYS[5], me) == 1 then
  return { 'not now' }
end
local seen, answer = {}, { 'seen', string.format('%.0f', now) }
local flat = redis.call('HGETALL', KEYS[5])
for at = 1, #flat, 2 do
  local number, signed_at = string.match(flat[at + 1], '^(%x+) (%d+)$')
  -- A host that was heard since has come back, even with an older smsq, which does not take its sign-off out.
  if number and tonumber(redis.call('HGET', KEYS[4], flat[at] .. ':at') or '0') <= tonumber(signed_at) then
    seen[flat[at]] = true
    answer[#answer + 1], answer[#answer + 2] = flat[at], number
    redis.call('HSET', KEYS[6], me .. ' ' .. flat[at], string.format('%.0f', now))
  end
end
local kept = redis.call('HGETALL', KEYS[6])
for at = 1, #kept, 2 do
  local who, whom = string.match(kept[at], '^(%S+) (%S+)$')
  if who == me and not seen[whom] and tonumber(kept[at + 1]) < tonumber(ARGV[4]) then redis.call('HDEL', KEYS[6], kept[at]) end
end
redis.call('EXPIRE', KEYS[6], 604800)
return answer
