-- Replace what a batch that is over holds of a person: recipients, texts and what else is given.
-- ARGV: 4 the recipients as they were, 5 as they are to be, 6.. pairs: the letter of a field, its new value, '' to remove it.
-- Returns {'erased'}, {'moves', why} if the batch is not over, {'changed'} if it is another than was read, {'never'} or
-- {'gone'}. A batch is over if every message is final and nothing about it is asked any more.
-- include: batch, receipts

local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
if m[STATE] ~= SETTLED then return { 'moves', UNDECIDED[m[STATE]] } end
local blob = load_receipts(m)
for index = 0, m[COUNT] - 1 do
  if not FINAL[status_at(blob, index)] then return { 'moves', 'accepted' } end
end
if redis.call('ZSCORE', ASKS, ref) or redis.call('ZSCORE', ASKS_URGENT, ref) then return { 'moves', 'asked' } end
if redis.call('ZSCORE', WATCH, ref) then return { 'moves', 'watched' } end
if redis.call('HGET', SHARD, number .. 'p') ~= ARGV[4] then return { 'changed' } end
redis.call('HSET', SHARD, number .. 'p', ARGV[5])
for at = 6, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', SHARD, number .. ARGV[at])
  else
    redis.call('HSET', SHARD, number .. ARGV[at], ARGV[at + 1])
  end
end
return { 'erased' }
