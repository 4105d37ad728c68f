-- Note that an occurrence of a recurring campaign was begun, or was missed and is skipped, and when the next one is.
-- KEYS: 1 campaign, 2 its log, 3 ready:bulk.  ARGV: 1 time or '', 2 by whom, 3 the occurrence in ms, 4 the next one in
--       ms, '' if that was the last one, 5 'occur'|'skip', 6 the campaign that was begun, or why none was, 7 how many
--       are skipped.
-- Returns {'noted'}, or {'stale'} if it was noted before or the campaign is over. Afterwards a campaign without a next
-- occurrence is cancelled: its messages were never to leave by themselves.
-- include: audit

local c = redis.call('HMGET', KEYS[1], 'next_at', 'state')
if c[1] ~= ARGV[3] then return { 'stale' } end
redis.call('ZREM', KEYS[3], '') -- a first write that a full server allows
redis.call('HSET', KEYS[1], 'next_at', ARGV[4] == '' and '0' or ARGV[4])
if ARGV[5] == 'occur' then
  redis.call('HINCRBY', KEYS[1], 'occurred', 1)
  redis.call('HSET', KEYS[1], 'newest', ARGV[6])
else
  redis.call('HINCRBY', KEYS[1], 'skipped', ARGV[7])
  redis.call('HSET', KEYS[1], 'skipped_why', ARGV[6])
end
local next_at = ARGV[4] == '' and '' or string.format('%.0f', ARGV[4] / 1000)
local changes = { 'next_at', string.format('%.0f', ARGV[3] / 1000), next_at }
if ARGV[5] == 'occur' then
  for _, each in ipairs({ 'campaign', '', ARGV[6] }) do changes[#changes + 1] = each end
end
note_in_log(KEYS[2], ARGV[2], ARGV[5], ARGV[5] == 'skip' and ARGV[6] or '', changes)
if ARGV[4] == '' and c[2] ~= 'cancelled' then
  redis.call('HSET', KEYS[1], 'state', 'cancelled', 'why', 'its last occurrence has begun')
  note_in_log(KEYS[2], ARGV[2], 'end', '', { 'state', c[2], 'cancelled' })
end
return { 'noted' }
