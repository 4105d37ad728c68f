-- Settle a claim: the gateway answered for every message of it, accepted or refused.
-- ARGV: 4 fence, 5 gateway id, 6 'accepted'|'refused', 7 error code, 8 parts per message (a number, or a byte each
--       for the claim's members), 9 cost of the request in 1/10,000 or -1, 10 ms until the first ask, 11 the code that
--       the call says, sealed, or ''.
-- Returns {'settled'|'again'|'doubtful'|'stale'|'foreign'|'never'|'gone', enrolled at, how many are left in its lane}.
-- Afterwards: an acceptance is merged under any fence; only the newest fence moves the batch.
-- include: batch, force, lanes, slots, receipts, sets, money, moves, ids, settled, facts, conclusion, controls, awake

redis.call('ZREM', LEASES, ref .. '/') -- a first write that a full server allows
local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
local fence, gid = tonumber(ARGV[4]), tonumber(ARGV[5])
local id, place = find_id(m, gid)
if not id then
  redis.call('HINCRBY', TOTALS, 'alarm:foreign-id', 1)
  return { 'foreign' }
end
free_slot(m)
local current = m[STATE] == SENDING and m[FENCE] == fence
if ARGV[6] == 'refused' and not current then return { 'stale' } end

local accepted = ARGV[6] == 'accepted'
local status = accepted and ACCEPTED or REFUSED
local err, cost = tonumber(ARGV[7]), tonumber(ARGV[9])
local at = math.floor(now / 1000)
local members = {}
if id[MEMBERS] == '' then
  for index = 1, m[COUNT] do members[index] = index - 1 end
else
  for index = 0, m[COUNT] - 1 do
    if holds(id[MEMBERS], index) then members[#members + 1] = index end
  end
end

-- Refused, but an earlier attempt may have been accepted: its verdict must come first, and so must the roll call.
if not accepted and (has_open_id(m, undecided(m, load_receipts(m)), gid) or not in_force()) then
  id[ID_STATE] = ABSENT
  enter_doubt(m, undecided(m, load_receipts(m)), 'refused', tonumber(ARGV[10]))
  save_batch(m)
  return { 'doubtful', m[ENROLLED], left_in(m[LANE]) }
end

local equal = tonumber(ARGV[8])
local function parts_of(order) return equal or string.byte(ARGV[8], order) end
local total = (equal or 0) * #members
if not equal then
  for order = 1, #members do total = total + parts_of(order) end
end
local function cost_of(order)
  if not accepted then return 0 end
  if cost < 0 or total == 0 then return -1 end
  return math.floor(cost * parts_of(order) / total + 0.5)
end

local known = redis.call('HGET', SHARD, number .. 'r')
local blob
if not known and #members == m[COUNT] and equal and equal <= MOST_PARTS then
  -- The usual case, in one write: nothing is known yet and all receipts are alike.
  local share = math.max(cost_of(1), 0)
  local receipt = struct.pack('>BBBI4I4', status, err, math.min(place, MOST_IDS) * 16 + equal, share, at)
  blob = string.rep(receipt, #members)
  save_receipts(blob)
  count_unpriced(#members * unpriced_in(m, receipt))
  local here = UNDECIDED[m[STATE]]
  count_facts(m, { [here] = -#members, [NAME[status]] = #members }, share * #members)
  redis.call('ZREM', BLIND, ref)
  if cost_of(1) < 0 then m[UNTOLD] = '/' .. string.rep('1', m[COUNT]) end
else
  local facts = {}
  for order, index in ipairs(members) do
    if accepted or not known or status_at(known, index) == 0 then -- a refusal changes nothing that is known already
      facts[#facts + 1] = { index, id, place, status, err, parts_of(order), cost_of(order), at }
    end
  end
  blob = apply_facts(m, facts)
end

if accepted then
  id[ID_STATE] = ACCEPTED_ID
  if ARGV[11] and ARGV[11] ~= '' then redis.call('HSET', SHARD, number .. 's', ARGV[11]) end
  if m[CHANNEL] ~= SIMULATED then note_control(ARGV[5], phone_at(redis.call('HGET', SHARD, number .. 'p'), members[1]), id[CLAIMED_AT], id[MIRROR]) end
elseif id[ID_STATE] == OPEN then
  id[ID_STATE] = ABSENT
end
local rest = undecided(m, blob)
if not current then
  conclude(m, blob, tonumber(ARGV[10]))
  save_batch(m)
  return { 'stale', m[ENROLLED], left_in(m[LANE]) }
end
if #rest == 0 then
  id[MIRROR] = ''
  settle_batch(m, blob, tonumber(ARGV[10]))
  save_batch(m)
  return { 'settled', m[ENROLLED], left_in(m[LANE]) }
end
-- A claim of one message of several: the others go on.
redis.call('ZREM', LEASES, ref)
move(m, READY, #rest)
m[OWNER], m[NONCE], m[LEASE] = '', '', 0
redis.call('ZADD', ready_key(m), now, ref)
save_batch(m)
return { 'again', m[ENROLLED], left_in(m[LANE]) }
