-- Ids that were taken for absent were asked about once more, so that a late arrival is counted and shown.
-- A parked batch is asked about once a day for as long as it is parked.
-- ARGV: 4 ms until next time, 5 ms after the newest claim when watching ends.  Returns {'next'} or {'over'}.
-- include: batch

redis.call('ZREM', WATCH, '') -- a first write that a full server allows
local m = load_batch()
if m then in_motion(m) end
local newest = m and m[IDS][#m[IDS]]
-- A parked code may not leave once its time is over, whatever an operator decides.
if m and m[LANE] == 0 and m[STATE] == PARKED and m[DEADLINE] > 0 and now >= m[DEADLINE] then
  redis.call('HDEL', SHARD, number .. 't')
end
local is_over = not newest or (m[STATE] ~= PARKED and now - newest[CLAIMED_AT] >= tonumber(ARGV[5]))
if is_over then
  redis.call('ZREM', WATCH, ref)
  if m and m[STATE] == SETTLED then -- an id that never showed anything no longer keeps the failure of another one open
    for _, id in ipairs(m[IDS]) do
      if id[ID_STATE] == OPEN then id[ID_STATE] = ABSENT end
    end
    save_batch(m)
  end
  return { 'over' }
end
redis.call('ZADD', WATCH, now + math.min(math.max(tonumber(ARGV[4]), now - newest[CLAIMED_AT]), 86400000), ref)
return { 'next' }
