-- Merge statuses that the gateway reported under one or more ids of a batch: a callback, an ask or a history page.
-- ARGV: 4 ms until the next ask, 5.. groups of eleven: gateway id, recipient, status, error, parts or 0, cost or -1, at,
--       '1' if it came by a call to us, so that its money is only hearsay, the packed values of a probe or '', the
--       operator's code or '', what its wire does not tell: 'e' an error, not even 0, 'r' results.
-- Returns {'merged', how many changed, how many became final, when they were sent, lane, channel} or {'never'|'gone'}. Facts merge in every state, but only under an id that
-- this batch was given and for a recipient that is in it.
-- include: batch, receipts, sets, ids, letters, beside, facts, controls, conclusion, wires

redis.call('ZREM', LEASES, ref .. '/')
local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
local recipients = redis.call('HGET', SHARD, number .. 'p')
local width = string.byte(recipients, 1)
local bytes = string.sub(recipients, 2)
local listed = width == 0 and cmsgpack.unpack(bytes) or nil -- with an address among them

local function index_of(recipient)
  if listed then
    for place, each in ipairs(listed) do
      if (type(each) == 'number' and string.format('%.0f', each) or each) == recipient then return place - 1 end
    end
    return nil
  end
  if not string.find(recipient, '^%d+$') then return nil end -- an address, and this batch has none
  local value, packed = tonumber(recipient), {}
  for at = width, 1, -1 do
    packed[at] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  if value > 0 then return nil end -- more digits than any phone of this batch
  local wanted, from = table.concat(packed), 1
  while true do
    local at = string.find(bytes, wanted, from, true)
    if not at then return nil end
    if (at - 1) % width == 0 then return (at - 1) / width end
    from = at + 1
  end
end

-- Over SMPP the gateway gives up a message of which a part never came: no phone got it. That ends one whose parts were all
-- taken, and one that never goes again by itself. Any other goes again once its doubt is over, which asks about it anyway.
local before = load_receipts(m)
local function is_given_up(id, place, index)
  if m[CHANNEL] ~= 'sms' or not is_by_comment(id[MIRROR]) then return false end
  if status_at(before, index) ~= 0 then
    local known = struct.unpack('B', before, index * RECEIPT + 3)
    return math.floor(known / 16) ~= place
  end
  local never_again = m[STATE] == PARKED or m[POLICY] == PARK
    or m[POLICY] == ASK and redis.call('HEXISTS', SHARD, number .. 'c') == 1
  return not never_again or another_may_live(m, id, index)
end

local facts = {}
for at = 5, #ARGV, 11 do
  local id, place = find_id(m, tonumber(ARGV[at]))
  local index = index_of(ARGV[at + 1])
  if not id or not index or not holds(id[MEMBERS], index) then
    redis.call('HINCRBY', TOTALS, 'alarm:foreign-id', 1)
  elseif tonumber(ARGV[at + 2]) ~= UNDELIVERABLE or tonumber(ARGV[at + 3]) ~= MISSING_PART
    or not is_given_up(id, place, index) then
    if id[ID_STATE] == ABSENT or marked(id[ABSENTS], index) then redis.call('HINCRBY', TOTALS, 'late_arrivals', 1) end
    local status = tonumber(ARGV[at + 2])
    -- A probe that is called delivered is over only with its error, since 0 says that the phone was reached, and once a
    -- wire that tells results has spoken.
    local lacks = ARGV[at + 10]
    if NEEDED[m[CHANNEL]] and (status == DELIVERED or status == READ)
      and (string.find(lacks, 'e', 1, true) or string.find(lacks, 'r', 1, true) and is_bare(m, index, status)) then
      status = ACCEPTED
    end
    facts[#facts + 1] = { index, id, place, status, tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]),
      tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), ARGV[at + 7] == '1', ARGV[at + 8], ARGV[at + 9] }
    if marked(id[ABSENTS], index) then id[ABSENTS] = with_mark(m, id[ABSENTS], index, '0') end
  end
end
local blob, changed = apply_facts(m, facts)
local finals, accepted_at = 0, 0
for _, fact in ipairs(facts) do
  if FINAL[status_at(blob, fact[1])] and not FINAL[status_at(before, fact[1])] then
    finals, accepted_at = finals + 1, fact[2][CLAIMED_AT]
  end
end
-- Of a letter nobody else says that the gateway accepted it.
for _, fact in ipairs(facts) do
  if PROVES[fact[4]] and may_be_held_back(fact[2]) and m[CHANNEL] ~= SIMULATED then
    note_control(string.format('%.0f', fact[2][GID]), phone_at(recipients, fact[1]), fact[2][CLAIMED_AT])
    break
  end
end
for _, fact in ipairs(facts) do
  if fact[2][ID_STATE] == ABSENT or m[COUNT] == 1 then fact[2][ID_STATE] = ACCEPTED_ID end
end
conclude(m, blob, tonumber(ARGV[4]))
save_batch(m)
return { 'merged', changed, finals, accepted_at, LANES[m[LANE]], m[CHANNEL] }
