-- A batch of a cancelled campaign that never left, or a single whose deadline passed: its messages end here.
-- ARGV: 4 'cancelled'|'late'.  Returns {'settled'|'stale'|'never'|'gone'}; acts only on `ready`, with the run in force.

local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
local due = ARGV[4] == 'cancelled' and redis.call('HGET', CAMPAIGN_KEY, 'state') == 'cancelled'
  or ARGV[4] == 'late' and m[DEADLINE] > 0 and now >= m[DEADLINE]
if m[STATE] ~= READY or has_open_id(m) or not due or not in_force() then return { 'stale' } end
settle_batch(m, decide_rest(m, load_receipts(m), ARGV[4] == 'cancelled' and CANCELLED or LATE, 0), 0)
save_batch(m)
return { 'settled' }
