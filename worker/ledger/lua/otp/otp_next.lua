-- Reserve the next channel of a code's cascade, before its message is enrolled.
-- KEYS: 1 code:<id>, 2 run, 3 ctl, 4 cascade.
-- ARGV: 1 time or '', 2 id, 3 place of the channel in the cascade, 4 channel, 5 why, 6 ms until it is looked at again,
--       7 how many steps there were when that was decided.
-- Returns {'step', number, at, expires at}, {'moved'} if the cascade is elsewhere or a step came in between, {'over'} if it has ended,
-- {'used'|'locked'|'expired'|'unknown'} or {'halted', why}. A place is reserved once, however many calls there are, and only
-- behind the one before; a repeat gives the same step.
-- include: run

redis.call('ZREM', KEYS[4], '') -- a first write that a full server allows
local c = redis.call('HMGET', KEYS[1], 'made_at', 'expires_at', 'state', 'steps')
if not c[1] then return { 'unknown' } end
if redis.call('HGET', KEYS[2], 'current') ~= run(KEYS[2]) then return { 'halted', 'run' } end
local ctl = redis.call('HMGET', KEYS[3], 'fell', 'recovered_at')
if ctl[1] then return { 'halted', 'fell' } end
local token, steps, taken = 'next:' .. ARGV[3], 0, 0
for _, at, known in string.gmatch(c[4], '(%S+) (%d+) (%S+)\n') do
  if known == token then return { 'step', steps, at, c[2] } end
  taken = tonumber(string.match(known, '^next:(%d+)$') or taken)
  steps = steps + 1
end
if c[3] then return { c[3] } end
if now >= tonumber(c[2]) or (ctl[2] and tonumber(ctl[2]) >= tonumber(c[1])) then return { 'expired' } end
if tonumber(ARGV[3]) ~= taken + 1 or steps ~= tonumber(ARGV[7]) then return { 'moved' } end
if not redis.call('ZSCORE', KEYS[4], ARGV[2]) then return { 'over' } end
local at = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'steps', c[4] .. ARGV[4] .. ' ' .. at .. ' ' .. token .. '\n', 'why:' .. ARGV[3], ARGV[5])
redis.call('ZADD', KEYS[4], now + tonumber(ARGV[6]), ARGV[2])
return { 'step', steps, at, c[2] }
