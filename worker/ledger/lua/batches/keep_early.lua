-- Keep receipts whose names are not known yet, until their messages are settled.
-- KEYS: 1 the early receipts of today, 2.. the names of these days.  ARGV: 1 time or '', 2 ms for which they are kept,
--       3 how many are kept at most, 4.. pairs: name, receipt.
-- Returns what each name stands for, '' for one whose receipt was kept, 'full' if there was no room.
-- Afterwards: a receipt is kept, or its name is known by now and its caller merges it.

local replies = {}
local room = tonumber(ARGV[3]) - redis.call('HLEN', KEYS[1])
for at = 4, #ARGV, 2 do
  local stands_for = ''
  for day = 2, #KEYS do
    local found = redis.call('HGET', KEYS[day], ARGV[at])
    if found then stands_for = found break end
  end
  if stands_for == '' then
    if room > 0 then
      redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
      room = room - 1
    else
      stands_for = 'full'
    end
  end
  replies[#replies + 1] = stands_for
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return replies
