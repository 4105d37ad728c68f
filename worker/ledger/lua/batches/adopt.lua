-- Open an id of a batch again: a journal has a send that this ledger forgot. The batch is then asked about.
-- ARGV: 4 gateway id, 5 mirror that carried it, '' if it is not known.
-- Returns {'doubtful'|'watched'|'known'}, {'unknown'} for a batch the ledger does not have, {'stale'} if it did not
-- fall back. Afterwards: nothing of the batch is sent before that id has a verdict.
-- include: batch, receipts, moves, ids, adoption

if redis.call('HEXISTS', CTL, 'fell') == 0 then return { 'stale' } end
local m = load_batch()
if not m then return { 'unknown' } end
in_motion(m)
local gid = tonumber(ARGV[4])
if find_id(m, gid) then return { 'known' } end
adopt(m, gid, ARGV[5])
local rest = undecided(m, load_receipts(m))
if #rest == 0 then
  redis.call('ZADD', WATCH, now + 1000, ref)
  save_batch(m)
  return { 'watched' }
end
enter_doubt(m, rest, 'fell', 1000)
save_batch(m)
return { 'doubtful' }
