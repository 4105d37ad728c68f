-- End the messages of a batch: of a cancelled campaign that never left, of a single whose deadline passed, or of a
-- one-time code that is over.
-- ARGV: 4 'cancelled'|'late'|'over'.  Returns {'settled'|'doubtful'|'stale'|'never'|'gone'}; ends only what is `ready`, with
-- the run in force. If a message of a code that is over has left already, its deadline is now: it may not leave again.
-- include: batch, force, lanes, receipts, moves, ids, stubs, settled, verdicts

local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
local due = ARGV[4] == 'cancelled' and redis.call('HGET', CAMPAIGN_KEY, 'state') == 'cancelled'
  or ARGV[4] == 'late' and m[DEADLINE] > 0 and now >= m[DEADLINE]
  or ARGV[4] == 'over' and redis.call('HEXISTS', SHARD, number .. 'c') == 1
if ARGV[4] == 'over' and due and UNDECIDED[m[STATE]] and (m[STATE] ~= READY or not in_force()) then -- what left is not sent again
  m[DEADLINE] = m[DEADLINE] > 0 and math.min(m[DEADLINE], now) or now
  save_batch(m)
  return { 'stale' }
end
if m[STATE] ~= READY or not due or not in_force() then return { 'stale' } end
redis.call('ZREM', ready_key(m), ref)
local blob = load_receipts(m)
local rest = undecided(m, blob)
if takes_stub(m, rest) then return { 'doubtful' } end
if has_open_id(m, rest) then -- released by an operator: an earlier attempt may have been accepted, so ask first
  enter_doubt(m, rest, ARGV[4], 1000)
  save_batch(m)
  return { 'doubtful' }
end
settle_batch(m, decide_rest(m, blob, ARGV[4] == 'late' and LATE or CANCELLED, 0), 0)
save_batch(m)
return { 'settled' }
