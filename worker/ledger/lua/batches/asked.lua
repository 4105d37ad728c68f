-- A batch's statuses were asked for: plan the next question, at growing intervals.
-- ARGV: 4.. the intervals in ms; past the last it doubles, up to a day. Returns {'next', ms} or {'final'}.
-- If all messages are final and only a cost is not known, asking ends after some tries.
-- include: batch, lanes, receipts, questions

local m = load_batch()
if not m then
  forget_asks()
  return { 'final' }
end
in_motion(m)
redis.call('ZREM', ASKS, '') -- a first write that a full server allows
if not redis.call('ZSCORE', ASKS, ref) and not redis.call('ZSCORE', ASKS_URGENT, ref) then return { 'final' } end
m[ASKED] = m[ASKED] + 1
local MONEY_ASKS = 6
if m[ASKED] >= MONEY_ASKS and not open_questions(m, load_receipts(m)) then
  forget_asks()
  if SINGLE then redis.call('ZADD', ENDED, 'NX', now, ref) end
  save_batch(m)
  return { 'final' }
end
local steps = #ARGV - 3
local wait = tonumber(ARGV[3 + math.min(m[ASKED], steps)])
if m[ASKED] > steps then wait = math.min(wait * 2 ^ (m[ASKED] - steps), 86400000) end
forget_asks()
redis.call('ZADD', asks_key(m), now + wait, ref)
save_batch(m)
return { 'next', wait }
