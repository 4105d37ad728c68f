-- Nothing was accepted and nothing can be: the batch goes back to ready.
-- ARGV: 4 fence, 5 gateway id, 6 'unsaid' (provably nothing was written) | 'unwanted' (the gateway said: later),
--       7 ms until it may be claimed again.
-- Returns {'released'|'stale'|'never'|'gone'}. A stale fence changes nothing.

redis.call('ZREM', LEASES, ref .. '/')
local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
if m[STATE] ~= SENDING or m[FENCE] ~= tonumber(ARGV[4]) then return { 'stale' } end
local id, place = find_id(m, tonumber(ARGV[5]))
if not id or id[ID_STATE] ~= OPEN or place ~= #m[IDS] then return { 'stale' } end
m[IDS][place] = nil
if ARGV[6] == 'unsaid' then redis.call('HDEL', IDS_KEY, ARGV[5]) end
redis.call('ZREM', LEASES, ref)
redis.call('ZREM', slots_key(m), ref .. '/' .. ARGV[4])
move(m, READY, #undecided(m, load_receipts(m)))
m[OWNER], m[NONCE], m[LEASE] = '', '', 0
save_batch(m)
redis.call('ZADD', ready_key(m), now + tonumber(ARGV[7]), ref)
return { 'released' }
