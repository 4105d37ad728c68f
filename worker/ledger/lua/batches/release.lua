-- Make a batch ready again: nothing was accepted and nothing can be.
-- ARGV: 4 fence, 5 gateway id, 6 'unsaid' (no journal knows it: the id is forgotten) | 'unwritten' (provably nothing was
--       written, but a journal may know the id) | 'unwanted' (the gateway said: later),
--       7 ms until it may be claimed again, 8 the claim's nonce, '' for 'unsaid'.
-- Returns {'released'|'stale'|'never'|'gone'}. A stale fence changes nothing.
-- include: batch, run, lanes, slots, receipts, moves, ids, proofs

redis.call('ZREM', LEASES, ref .. '/')
local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
if m[STATE] ~= SENDING or m[FENCE] ~= tonumber(ARGV[4]) then return { 'stale' } end
-- A claim of the run in force was granted after the roll call, and its worker may be sending it now.
if ARGV[6] == 'unsaid' then
  local actual = run(RUN)
  if string.sub(m[NONCE], -#actual) == actual or m[LEASE] <= now then return { 'stale' } end -- an old claim becomes doubtful
end
-- After a fall-back another worker may hold the same fence and id; nobody holds the same nonce.
if ARGV[8] ~= '' and string.sub(m[NONCE], 1, #ARGV[8]) ~= ARGV[8] then return { 'stale' } end
local id, place = find_id(m, tonumber(ARGV[5]))
if not id or id[ID_STATE] ~= OPEN or place ~= #m[IDS] then return { 'stale' } end
local blob = load_receipts(m)
if is_proved(m, blob, place) then -- a fact proved it: the id stays, and only undecided messages go again
  id[ID_STATE] = ACCEPTED_ID
else
  m[IDS][place] = nil
  if ARGV[6] == 'unsaid' then redis.call('HDEL', IDS_KEY, ARGV[5]) end
end
redis.call('ZREM', LEASES, ref)
free_slot(m)
move(m, READY, #undecided(m, blob))
m[OWNER], m[NONCE], m[LEASE] = '', '', 0
save_batch(m)
redis.call('ZADD', ready_key(m), now + tonumber(ARGV[7]), ref)
return { 'released' }
