-- Make a claim doubtful: its outcome is unknown or its worker is silent. From now on we ask, we do not repeat.
-- ARGV: 4 fence ('' for expire), 5 gateway id or '', 6 why, 7 ms until the first ask (of an urgent one: counted
--       from its claim), 8 '1' if some number is refused, not said which, 9 '1' if the account had no money,
--       10 silence in ms (expire only), 11 '1' if the request is known to be over.
-- Returns {'doubtful'|'stale'|'alive'|'never'|'gone'}.
-- The slot stays until its score if the request may still be running.
-- include: batch, slots, receipts, moves, conclusion

redis.call('ZREM', LEASES, ref .. '/')
local m = load_batch()
if not m then
  redis.call('ZREM', LEASES, ref)
  return unknown_batch()
end
in_motion(m)
if m[STATE] ~= SENDING then
  if m[LEASE] == 0 then redis.call('ZREM', LEASES, ref) end
  return { 'stale' }
end
if ARGV[4] ~= '' then
  if m[FENCE] ~= tonumber(ARGV[4]) then return { 'stale' } end
else
  local beat = tonumber(redis.call('ZSCORE', OWNERS, m[OWNER]) or '0')
  if m[LEASE] > now and now - beat < tonumber(ARGV[10]) then return { 'alive' } end
  m[DEATHS] = m[DEATHS] + 1
  redis.call('HINCRBY', TOTALS, 'expired:' .. LANES[m[LANE]], 1)
end
local id = m[IDS][#m[IDS]]
if ARGV[9] == '1' then id[MONEY] = 1 end
if ARGV[8] == '1' then m[SOLO] = 1 end
if ARGV[11] == '1' then free_slot(m) end
local first = tonumber(ARGV[7])
if m[LANE] == 0 then first = math.max(math.min(first, 200), id[CLAIMED_AT] + first - now) end
local blob = load_receipts(m)
enter_doubt(m, undecided(m, blob), ARGV[6], first)
conclude(m, blob, tonumber(ARGV[7]))
save_batch(m)
return { 'doubtful' }
