-- An operator decides about a parked batch (or a doubtful one, with the fence that was shown).
-- ARGV: 4 fence, 5 'settle' (count it as accepted) | 'drop' (never send it) | 'release' (send again: may double),
--       6 the reason, which is kept beside the batch, 7 by whom, 8 the reason without phones, for the log.
-- KEYS: behind those of the batch, its campaign's log.
-- Returns {'settled'|'ready', run, n}, {'halted', why} or {'stale'|'never'|'gone'}.
-- include: batch, force, lanes, receipts, moves, ids, settled, verdicts, audit

local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
local forced, actual = in_force()
if not forced then return { 'halted', redis.call('HEXISTS', CTL, 'fell') == 1 and 'fell' or 'run' } end
if (m[STATE] ~= PARKED and m[STATE] ~= DOUBTFUL) or m[FENCE] ~= tonumber(ARGV[4]) then return { 'stale' } end
forget_motion() -- its first write is one that a full server allows
local before = redis.call('HGET', SHARD, number .. 'o') or ''
redis.call('HSET', SHARD, number .. 'o', before .. string.format('%.0f', now) .. '\t' .. ARGV[5] .. '\t' .. ARGV[6] .. '\n')
local blob = load_receipts(m)
if not SINGLE then
  local many = { 'messages', '', #undecided(m, blob), 'batch', '', number }
  note_in_log(KEYS[#KEYS], ARGV[7], ARGV[5], ARGV[8], many)
end
if ARGV[5] == 'release' then
  local rest = undecided(m, blob)
  if has_open_id(m, rest) then
    m[WHY], m[RESENT] = 'may double', BY_OPERATOR
    redis.call('HINCRBY', TOTALS, 'resends:operator', 1)
  else
    m[WHY] = ''
  end
  if redis.call('HGET', CAMPAIGN_KEY, 'state') == 'done' then -- the campaign goes on
    redis.call('HSET', CAMPAIGN_KEY, 'state', 'running')
    redis.call('HDEL', CAMPAIGN_KEY, 'done_at')
  end
  move(m, READY, #rest)
  redis.call('ZADD', ready_key(m), now, ref)
  save_batch(m)
  return { 'ready', actual, redis.call('HINCRBY', RUN, 'n:' .. actual, 1) }
end
blob = decide_rest(m, blob, ARGV[5] == 'settle' and ACCEPTED or CANCELLED, 0)
for _, id in ipairs(m[IDS]) do
  if id[ID_STATE] == OPEN then id[ID_STATE] = ARGV[5] == 'settle' and ACCEPTED_ID or ABSENT end
end
settle_batch(m, blob, 60000)
if #m[IDS] > 0 then redis.call('ZADD', WATCH, now + 3600000, ref) end
save_batch(m)
return { 'settled', actual, redis.call('HINCRBY', RUN, 'n:' .. actual, 1) }
