-- Reserve the next step of a code, before its message is enrolled: a resend, or another channel.
-- KEYS: 1 code:<id>, 2 run, 3 ctl, 4 totals.
-- ARGV: 1 time or '', 2 token of this step, 3 channel, 4 ms since the newest step that must have passed, 5 most resends,
--       '' if this is none, 6 how many steps there were when that was
--       decided, '' if that does not matter.
-- Returns {'step', number, at, expires at}, {'cooling', ms}, {'too_many'}, {'moved'} if a step came in between, {'used'|'locked'|'expired'|'unknown'} or
-- {'halted', why}. A repeat with the same token gives the same step.
-- include: run

local c = redis.call('HMGET', KEYS[1], 'made_at', 'expires_at', 'state', 'steps', 'resends')
if not c[1] then return { 'unknown' } end
if redis.call('HGET', KEYS[2], 'current') ~= run(KEYS[2]) then return { 'halted', 'run' } end
local ctl = redis.call('HMGET', KEYS[3], 'fell', 'recovered_at')
if ctl[1] then return { 'halted', 'fell' } end
local steps, newest = 0, 0
for _, at, token in string.gmatch(c[4], '(%S+) (%d+) (%S+)\n') do
  if token == ARGV[2] then return { 'step', steps, at, c[2] } end
  steps, newest = steps + 1, tonumber(at)
end
if c[3] then return { c[3] } end
if now >= tonumber(c[2]) or (ctl[2] and tonumber(ctl[2]) >= tonumber(c[1])) then return { 'expired' } end
if ARGV[5] ~= '' and tonumber(c[5]) >= tonumber(ARGV[5]) then return { 'too_many' } end
local left = newest + tonumber(ARGV[4]) - now
if left > 0 then return { 'cooling', string.format('%.0f', left) } end
if ARGV[6] ~= '' and steps ~= tonumber(ARGV[6]) then return { 'moved' } end
local at = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'steps', c[4] .. ARGV[3] .. ' ' .. at .. ' ' .. ARGV[2] .. '\n')
if ARGV[5] ~= '' then
  redis.call('HINCRBY', KEYS[1], 'resends', 1)
  redis.call('HINCRBY', KEYS[4], 'codes:resent', 1)
end
return { 'step', steps, at, c[2] }
