-- End a code's cascade: no further channel is tried.
-- KEYS: 1 code:<id>, 2 cascade, 3 totals.
-- ARGV: 1 time or '', 2 id, 3 place of the channel that was tried last, 4 why, 5 channel that is forgone, '' if that
--       is not counted.
-- Returns {'ended'}, or {'moved'} if another step was taken meanwhile. Repeating it changes nothing.

redis.call('ZREM', KEYS[2], '') -- a first write that a full server allows
local known = redis.call('HGET', KEYS[1], 'steps')
local taken = 0
for token in string.gmatch(known or '', '%S+ %d+ (%S+)\n') do
  taken = tonumber(string.match(token, '^next:(%d+)$') or taken)
end
if known and taken ~= tonumber(ARGV[3]) then return { 'moved' } end
redis.call('ZREM', KEYS[2], ARGV[2])
if known and redis.call('HSETNX', KEYS[1], 'ended', ARGV[4]) == 1 and ARGV[5] ~= '' then
  redis.call('HINCRBY', KEYS[3], 'code_steps:' .. ARGV[5] .. ':' .. string.match(ARGV[4], '^%a+'), 1)
end
return { 'ended' }
