-- Stands before every verb on a batch; the tables above it are written from worker/domain/status.py.
-- KEYS: as `Keys.batch_verb` lists them.  ARGV[1]: the time in ms for tests, '' for Redis' own.
-- ARGV[2]: the batch number.  ARGV[3]: the batch's written reference.

local SHARD, CAMPAIGN_KEY, HELD, READY_URGENT, READY_BULK, LEASES, DOUBTS, BLIND, PARKINGS, ASKS, WATCH, ENDED,
  SLOTS_URGENT, SLOTS_BULK, OWNERS, IDS_KEY, N_GID, N_BATCH, RUN, CTL, TOTALS, CONTROL, BUCKET, STUBS,
  BELL_SLOTS_URGENT, BELL_SLOTS_BULK, CASCADE, DOUBT_URGENT, ASKS_URGENT = unpack(KEYS)

-- Places in a batch's meta, an array packed with MessagePack.
local STATE, LANE, COUNT, FIRST_ROW, FENCE, CLAIMS, DEATHS, POLICY, DEADLINE, ENROLLED, PARTS, CHANNEL, OPTIONS,
  OWNER, NONCE, LEASE, IDS, WHY, RESENT, SOLO, SINCE, ASKED, KEY = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  16, 17, 18, 19, 20, 21, 22, 23
-- Two more that few batches have: marks of messages that left and whose cost the gateway was not heard to say when asked
-- (a callback named it, or nobody did); delivery errors too large for a receipt, ` index:error` each.
local UNTOLD, ODD = 24, 25
-- Places in one gateway id of a batch.
local GID, ID_STATE, MIRROR, CLAIMED_AT, MEMBERS, ABSENTS, MONEY, DOUBLED = 1, 2, 3, 4, 5, 6, 7, 8
local LANES = { [0] = 'urgent', [1] = 'bulk' }
local ASK, PARK, RESEND = 0, 1, 2 -- policies
local BY_OPERATOR, BY_SENDER = 1, 2 -- who had it sent again while an earlier attempt might live
local RECEIPT = 11
local NO_RECEIPT = string.rep('\0', RECEIPT)

local number, ref = ARGV[2], ARGV[3]
local SINGLE = string.find(ref, '@', 1, true) == nil

local function in_force()
  local actual = run(RUN)
  return redis.call('HGET', RUN, 'current') == actual, actual
end

local function load_batch()
  local raw = redis.call('HGET', SHARD, number .. 'm')
  return raw and cmsgpack.unpack(raw) or nil
end

local function save_batch(m)
  redis.call('HSET', SHARD, number .. 'm', cmsgpack.pack(m))
end

-- A batch that never existed is an alarm and creates no key; one that was purged is ignored. Neither stays in motion.
local function unknown_batch()
  for _, set in ipairs({ READY_URGENT, READY_BULK, LEASES, DOUBTS, DOUBT_URGENT, BLIND, PARKINGS, ASKS, ASKS_URGENT, WATCH,
    ENDED }) do
    redis.call('ZREM', set, ref)
  end
  redis.call('SREM', HELD, ref)
  if tonumber(number) > tonumber(redis.call('GET', N_BATCH) or '0') then
    redis.call('HINCRBY', TOTALS, 'alarm:unknown-batch', 1)
    return { 'never' }
  end
  return { 'gone' }
end

-- A pending batch is stored short; its motion begins with the first claim.
local function in_motion(m)
  if not m[KEY] then
    local blank = { [OPTIONS] = '', [OWNER] = '', [NONCE] = '', [LEASE] = 0, [IDS] = {}, [WHY] = '', [RESENT] = 0,
      [SOLO] = 0, [SINCE] = 0, [ASKED] = 0, [KEY] = '' }
    for place = OPTIONS, KEY do
      if m[place] == nil then m[place] = blank[place] end
    end
  end
  return m
end

local function ready_key(m) return m[LANE] == 0 and READY_URGENT or READY_BULK end
local function slots_key(m) return m[LANE] == 0 and SLOTS_URGENT or SLOTS_BULK end

-- Questions about codes wait in sets of their own, so that no campaign's stand in front of them.
local function doubts_key(m) return m[LANE] == 0 and DOUBT_URGENT or DOUBTS end
local function asks_key(m) return m[LANE] == 0 and ASKS_URGENT or ASKS end
-- From both: an earlier version put all of them into one.
local function forget_doubt()
  redis.call('ZREM', DOUBTS, ref)
  redis.call('ZREM', DOUBT_URGENT, ref)
end
local function forget_asks()
  redis.call('ZREM', ASKS, ref)
  redis.call('ZREM', ASKS_URGENT, ref)
end

-- A request is over: whoever waits for a slot may look, of either lane. A few rings are kept for who is about to wait;
-- a ring that cannot be made is left out, since they look now and then all the same.
local MOST_RINGS = 4
local function free_slot(m)
  if redis.call('ZREM', slots_key(m), ref .. '/' .. ARGV[4]) == 0 then return end
  for _, bell in ipairs({ BELL_SLOTS_URGENT, BELL_SLOTS_BULK }) do
    local rings = redis.pcall('LLEN', bell)
    if type(rings) == 'number' and rings < MOST_RINGS then redis.pcall('RPUSH', bell, '') end
  end
end

-- Receipts ------------------------------------------------------------------------------------------------------

local function load_receipts(m)
  return redis.call('HGET', SHARD, number .. 'r') or string.rep(NO_RECEIPT, m[COUNT])
end

local function save_receipts(blob)
  redis.call('HSET', SHARD, number .. 'r', blob)
end

local function status_at(blob, index) return string.byte(blob, index * RECEIPT + 1) end

local function undecided(m, blob)
  local found, all = {}, m[COUNT]
  if blob == string.rep(string.sub(blob, 1, RECEIPT), all) then -- all alike, as they mostly are: look at one
    if status_at(blob, 0) == 0 then
      for index = 1, all do found[index] = index - 1 end
    end
    return found
  end
  for index = 0, m[COUNT] - 1 do
    if status_at(blob, index) == 0 then found[#found + 1] = index end
  end
  return found
end

-- Sets of messages of a batch: '' for all, else '/' and a 0 or 1 for each.
local function set_of(m, indices)
  if #indices == m[COUNT] then return '' end
  local marks = {}
  for index = 1, m[COUNT] do marks[index] = '0' end
  for _, index in ipairs(indices) do marks[index + 1] = '1' end
  return '/' .. table.concat(marks)
end

local function holds(set, index) return set == '' or string.byte(set, index + 2) == 49 end

-- Marks of an id beside its members: '' for none.
local function marked(marks, index) return marks ~= nil and marks ~= '' and string.byte(marks, index + 2) == 49 end

local function with_mark(m, marks, index, mark)
  if marks == nil or marks == '' then marks = '/' .. string.rep('0', m[COUNT]) end
  return string.sub(marks, 1, index + 1) .. mark .. string.sub(marks, index + 3)
end

-- Totals: what a campaign shows at once, and what the exporter reads ----------------------------------------------

local UNDECIDED = { [READY] = 'queued', [SENDING] = 'sending', [DOUBTFUL] = 'doubtful', [PARKED] = 'parked' }

local function count(name, by)
  if by == 0 then return end
  redis.call('HINCRBY', CAMPAIGN_KEY, 's:' .. name, by)
  if name == NAME[ACCEPTED] then redis.call('HINCRBY', TOTALS, 'pending', by) end
end

local function count_forever(m, name, by)
  redis.call('HINCRBY', TOTALS, 'messages:' .. LANES[m[LANE]] .. ':' .. m[CHANNEL] .. ':' .. name, by)
end

local function add_gauge(m, state, by)
  redis.call('HINCRBY', TOTALS, 'batches:' .. LANES[m[LANE]] .. ':' .. state, by)
end

-- A campaign is done when its enrolment is closed and every message is final or parked; a cancelled one stays
-- cancelled and is over.
local function finish_campaign()
  if SINGLE then return end
  local c = redis.call('HMGET', CAMPAIGN_KEY, 'closed', 'state', 's:queued', 's:sending', 's:doubtful', 's:accepted')
  if c[2] == 'done' or (c[1] ~= '1' and c[2] ~= 'cancelled') then return end
  for place = 3, 6 do
    if c[place] and c[place] ~= '0' then return end
  end
  if c[2] == 'cancelled' then
    redis.call('HSETNX', CAMPAIGN_KEY, 'done_at', now)
  else
    redis.call('HSET', CAMPAIGN_KEY, 'state', 'done', 'done_at', now)
  end
end

-- Moves -----------------------------------------------------------------------------------------------------------

-- Change the batch's state; the undecided messages are counted where they now stand.
local function move(m, state, waiting)
  local from = m[STATE]
  m[STATE] = state
  if from == state then return end
  add_gauge(m, from, -1)
  add_gauge(m, state, 1)
  if UNDECIDED[from] then count(UNDECIDED[from], -waiting) end
  if UNDECIDED[state] then count(UNDECIDED[state], waiting) end
end

-- A doubt ends: how, and after how long.
local function count_doubt(m, outcome)
  if m[STATE] ~= DOUBTFUL then return end
  local ms = math.max(0, now - m[SINCE])
  redis.call('HINCRBY', TOTALS, 'doubts_ended:' .. outcome, 1)
  redis.call('HINCRBY', TOTALS, 'doubt_ms:' .. outcome, ms)
  redis.call('HINCRBY', CAMPAIGN_KEY, 'doubts', 1)
  redis.call('HINCRBY', CAMPAIGN_KEY, 'doubt_ms', ms)
  if ms > tonumber(redis.call('HGET', CAMPAIGN_KEY, 'doubt_longest') or '0') then
    redis.call('HSET', CAMPAIGN_KEY, 'doubt_longest', ms)
  end
end

local function forget_motion()
  redis.call('ZREM', LEASES, ref)
  forget_doubt()
  redis.call('ZREM', BLIND, ref)
  redis.call('ZREM', PARKINGS, ref)
  redis.call('SREM', HELD, ref)
end

-- From here on we ask: with the next question in `ms`.
local function enter_doubt(m, rest, why, ms)
  forget_motion()
  redis.call('ZREM', ready_key(m), ref)
  move(m, DOUBTFUL, #rest)
  m[WHY], m[SINCE], m[ASKED] = why, now, 0
  m[OWNER], m[NONCE], m[LEASE] = '', '', 0
  redis.call('ZADD', doubts_key(m), now + ms, ref)
  if #rest == m[COUNT] then redis.call('ZADD', BLIND, now, ref) end
end

local function find_id(m, gid)
  for place, id in ipairs(m[IDS]) do
    if id[GID] == gid then return id, place end
  end
end

-- An id that a journal gives to this batch and the ledger had forgotten: open, its window beginning now. The fence
-- leaps, so that no answer to a forgotten claim is taken for one to a later.
local function adopt(m, gid, mirror)
  if find_id(m, gid) then return end
  for _, id in ipairs(m[IDS]) do -- its second copy may have left already: there is no third
    if m[POLICY] == RESEND and m[RESENT] == 0 and id[ID_STATE] ~= ABSENT then m[RESENT] = BY_SENDER end
  end
  m[IDS][#m[IDS] + 1] = { gid, OPEN, mirror, now, '', '', 0 }
  m[FENCE], m[CLAIMS] = m[FENCE] + 1000, m[CLAIMS] + 1
  redis.call('HSET', IDS_KEY, gid, ref)
end

-- What a batch is known by outside the ledger: its enrolment key, or its place in a file. Journals write it down too.
local function known_as(m)
  if SINGLE then return redis.call('HGET', SHARD, number .. 'k') or '' end
  local c = redis.call('HMGET', CAMPAIGN_KEY, 'digest', 'batch_size')
  return c[1] and c[1] .. '/' .. string.format('%.0f', m[FIRST_ROW]) .. '/' .. c[2] or ''
end

-- Was this sent before the ledger fell back? Then it takes over those ids, and is asked about instead of sent.
local function takes_stub(m, rest)
  if redis.call('EXISTS', STUBS) == 0 then return false end
  local key = known_as(m)
  local stub = key ~= '' and redis.call('HGET', STUBS, key)
  if not stub then return false end
  for gid, mirror in string.gmatch(stub, '(%d+) (%S*)\n') do adopt(m, tonumber(gid), mirror) end
  enter_doubt(m, rest, 'fell', 1000)
  save_batch(m)
  redis.call('HDEL', STUBS, key)
  return true
end

-- May one of these messages live under an id that is open (`besides` the one named)?
local function has_open_id(m, indices, besides)
  for _, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN and id[GID] ~= besides then
      for _, index in ipairs(indices) do
        if holds(id[MEMBERS], index) and not marked(id[ABSENTS], index) then return true end
      end
    end
  end
  return false
end

-- The id that a receipt names; from the fifteenth on the nibble is full, and it is the newest that carried the message.
local function id_at(m, place, index)
  if place < MOST_IDS then return m[IDS][place] end
  for later = #m[IDS], MOST_IDS, -1 do
    local id = m[IDS][later]
    if id[ID_STATE] ~= ABSENT and holds(id[MEMBERS], index) then return id end
  end
end

local FAILURE = { [EXPIRED] = true, [UNDELIVERABLE] = true, [REFUSED] = true }

-- May a failure under `id` end the message? Only when no other id of it is open or accepted.
local function another_may_live(m, id, index)
  for _, other in ipairs(m[IDS]) do
    if other[GID] ~= id[GID] and other[ID_STATE] ~= ABSENT and holds(other[MEMBERS], index)
      and not marked(other[ABSENTS], index) then
      return true
    end
  end
  return false
end

-- A message that is proved under a second id left twice: counted once per message and further id.
local function note_double(m, index, id, known_place)
  local first = id_at(m, known_place, index)
  if not first or first[GID] == id[GID] or marked(id[DOUBLED], index) then return end
  first[DOUBLED] = with_mark(m, first[DOUBLED], index, '1')
  id[DOUBLED] = with_mark(m, id[DOUBLED], index, '1')
  if m[RESENT] ~= 0 then -- somebody chose that risk: counted apart, no alarm
    redis.call('HINCRBY', TOTALS, 'resend_doubles', 1)
    return
  end
  redis.call('HINCRBY', TOTALS, 'doubles', 1)
  redis.call('HINCRBY', CAMPAIGN_KEY, 'doubles', 1)
end

-- A callback's signature covers no money. What it says of it is taken where nobody has said anything yet, and only where
-- it can be true: half to all of what was quoted, or, where nothing was, up to a hundred of the currency a part.
local MOST_A_PART = 1000000
local function is_believable(m, parts, cost)
  if parts == 0 then parts = math.ceil(m[PARTS] / m[COUNT]) end
  local quoted = not SINGLE and tonumber(redis.call('HGET', CAMPAIGN_KEY, 'part_price') or '0') or 0
  if quoted > 0 then return cost <= math.ceil(quoted * parts) and 2 * cost >= quoted * parts end
  return cost > 0 and cost <= MOST_A_PART * parts
end

local function note_untold(m, index, is_untold)
  if marked(m[UNTOLD], index) ~= is_untold then m[UNTOLD] = with_mark(m, m[UNTOLD], index, is_untold and '1' or '0') end
end

-- A receipt has a byte for a delivery error; a larger one stands beside it.
local function note_error(m, index, err)
  if err <= 255 and not m[ODD] then return end
  local others = string.gsub(m[ODD] or '', ' ' .. index .. ':%d+', '')
  m[UNTOLD] = m[UNTOLD] or '' -- an array has no holes
  m[ODD] = err > 255 and others .. ' ' .. index .. ':' .. err or others
end

-- Merge one fact into one receipt; facts merge in every state, from anyone, and never backwards. Money is what the
-- gateway itself said last, in an answer to us; `heard` is a fact that came by a call, and does not change it.
-- Returns the new receipt, the old status, the new one and what it costs more, or nil where nothing changes.
local function merge(m, blob, index, id, place, status, err, parts, cost, at, heard)
  local old_status, old_err, nibbles, old_cost, old_at = struct.unpack('>BBBI4I4', blob, index * RECEIPT + 1)
  local old_place, old_parts = math.floor(nibbles / 16), nibbles % 16
  if status ~= ACCEPTED and FAILURE[status] and another_may_live(m, id, index) then status = ACCEPTED end
  if PROVES[old_status] and PROVES[status] and old_place > 0 then note_double(m, index, id, old_place) end
  local is_new = RANK[status] > RANK[old_status]
  if not is_new and not PROVES[old_status] then return nil end
  local was_untold = not PROVES[old_status] or marked(m[UNTOLD], index)
  local is_untold, new_cost, new_parts = was_untold, old_cost, old_parts
  if heard then
    if was_untold and old_cost == 0 and is_believable(m, old_parts, cost) then new_cost = cost end
    if old_parts == 0 then new_parts = math.min(parts, 15) end
  else
    if cost >= 0 then is_untold, new_cost = false, cost end
    if parts > 0 then new_parts = math.min(parts, 15) end
  end
  if not is_new then
    if new_cost == old_cost and new_parts == old_parts and is_untold == was_untold then return nil end
    note_untold(m, index, is_untold)
    return struct.pack('>BBBI4I4', old_status, old_err, old_place * 16 + new_parts, new_cost, old_at), old_status,
      old_status, new_cost - old_cost
  end
  note_untold(m, index, is_untold)
  note_error(m, index, err)
  return struct.pack('>BBBI4I4', status, math.min(err, 255), math.min(place, MOST_IDS) * 16 + new_parts, new_cost, at),
    old_status, status, new_cost - old_cost
end

-- Put changed receipts (index -> eleven bytes) into a batch's receipts in one pass.
local function splice(m, blob, changes)
  local pieces, from = {}, 1
  for index = 0, m[COUNT] - 1 do
    local change = changes[index]
    if change then
      local start = index * RECEIPT + 1
      if start > from then pieces[#pieces + 1] = string.sub(blob, from, start - 1) end
      pieces[#pieces + 1] = change
      from = start + RECEIPT
    end
  end
  if from == 1 then return blob end
  pieces[#pieces + 1] = string.sub(blob, from)
  return table.concat(pieces)
end

-- A message of a one-time code has ended: its cascade, if it has not ended too, is looked at now.
local function wake_code(m)
  if m[LANE] ~= 0 then return end
  local code = redis.call('HGET', SHARD, number .. 'c')
  if code then redis.call('ZADD', CASCADE, 'XX', 'LT', now, code) end
end

-- What is still to be asked about a settled batch: is a message not final, and is a cost not told?
local function open_questions(m, blob)
  local is_unpaid = m[UNTOLD] ~= nil and string.find(m[UNTOLD], '1', 2, true) ~= nil
  for index = 0, m[COUNT] - 1 do
    if not FINAL[status_at(blob, index)] then return true, is_unpaid end
  end
  return false, is_unpaid
end

-- Everyone of the batch has a verdict: it is settled; statuses follow per message.
local function settle_batch(m, blob, ask_after)
  forget_motion()
  redis.call('ZREM', ready_key(m), ref)
  move(m, SETTLED, 0)
  m[OWNER], m[NONCE], m[LEASE], m[ASKED] = '', '', 0, 0
  local waiting, is_unpaid = open_questions(m, blob)
  for _, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN then redis.call('ZADD', WATCH, now + 3600000, ref) break end
  end
  if m[LANE] == 0 then redis.call('HDEL', SHARD, number .. 't') end -- a code's text goes as soon as it is settled
  if waiting or is_unpaid then
    redis.call('ZADD', asks_key(m), now + ask_after, ref)
  else
    forget_asks()
    if m[KEY] ~= nil and SINGLE then redis.call('ZADD', ENDED, now, ref) end
  end
  if not waiting then wake_code(m) end
  finish_campaign()
end

-- Parts of a message that left and whose cost nobody has told (0 tells nothing), by its receipt; what the gateway
-- refused costs nothing.
local function unpriced_in(m, receipt)
  local status, _, nibbles, cost = struct.unpack('>BBBI4', receipt)
  if not PROVES[status] or status == REFUSED or cost > 0 then return 0 end
  return nibbles % 16 > 0 and nibbles % 16 or math.ceil(m[PARTS] / m[COUNT])
end

-- A budget counts them at their expected price, until their cost is known.
local function count_unpriced(by)
  if by ~= 0 and not SINGLE and redis.call('HINCRBY', CAMPAIGN_KEY, 'unpriced', by) < 0 then
    redis.call('HSET', CAMPAIGN_KEY, 'unpriced', 0) -- they left under a version that did not count them
  end
end

-- Give every undecided message a verdict of ours (late, cancelled, refused); only while no id is open.
local function decide_rest(m, blob, status, err)
  local rest = undecided(m, blob)
  local changes = {}
  local verdict = struct.pack('>BBBI4I4', status, err, 0, 0, math.floor(now / 1000))
  for _, index in ipairs(rest) do changes[index] = verdict end
  blob = splice(m, blob, changes)
  save_receipts(blob)
  count_unpriced(#rest * unpriced_in(m, verdict))
  if UNDECIDED[m[STATE]] then count(UNDECIDED[m[STATE]], -#rest) end
  count(NAME[status], #rest)
  count_forever(m, NAME[status], #rest)
  return blob
end

-- Write a campaign's or single's cost and status counters after facts were merged.
local function count_facts(m, moved, spent)
  for name, by in pairs(moved) do
    count(name, by)
    if by > 0 and not UNDECIDED_NAME[name] then count_forever(m, name, by) end
  end
  if spent ~= 0 then
    redis.call('HINCRBY', CAMPAIGN_KEY, 'cost', spent)
    redis.call('HINCRBY', TOTALS, 'cost:' .. m[CHANNEL], spent)
  end
end

-- Apply facts to the batch: list of { index, id, place, status, err, parts, cost, at, heard }. Returns how many changed.
local function apply_facts(m, facts, ask_after)
  local blob = load_receipts(m)
  local changes, moved, spent, changed = {}, {}, 0, 0
  local here = UNDECIDED[m[STATE]]
  for _, f in ipairs(facts) do
    local index = f[1]
    local source = blob
    if changes[index] then source = splice(m, blob, changes) end
    local receipt, old, new, extra = merge(m, source, index, f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9])
    if receipt then
      changes[index] = receipt
      spent = spent + extra
      if old ~= new then
        changed = changed + 1
        local from = old == 0 and here or NAME[old]
        if from then moved[from] = (moved[from] or 0) - 1 end
        moved[NAME[new]] = (moved[NAME[new]] or 0) + 1
      end
    end
  end
  if next(changes) == nil then return blob, 0 end
  local unpriced = 0
  for index, receipt in pairs(changes) do
    local before = string.sub(blob, index * RECEIPT + 1, (index + 1) * RECEIPT)
    unpriced = unpriced + unpriced_in(m, receipt) - unpriced_in(m, before)
  end
  blob = splice(m, blob, changes)
  save_receipts(blob)
  count_facts(m, moved, spent)
  count_unpriced(unpriced)
  redis.call('ZREM', BLIND, ref)
  return blob, changed
end

-- Does any receipt name the id at this place?
local function is_proved(m, blob, place)
  local nibble = math.min(place, MOST_IDS)
  for index = 0, m[COUNT] - 1 do
    if math.floor(string.byte(blob, index * RECEIPT + 3) / 16) == nibble
      and (place < MOST_IDS or id_at(m, nibble, index) == m[IDS][place]) then -- the full nibble may mean another
      return true
    end
  end
  return false
end

local function park(m, rest, why)
  count_doubt(m, 'parked')
  forget_doubt()
  redis.call('ZREM', BLIND, ref)
  redis.call('ZADD', PARKINGS, now, ref)
  move(m, PARKED, #rest)
  m[WHY] = why
  finish_campaign()
  redis.call('ZADD', WATCH, now + 3600000, ref)
end

-- Is an id absent for every message it carried? One that others' verdicts decided was not asked about.
local function is_absent(m, id)
  for index = 0, m[COUNT] - 1 do
    if holds(id[MEMBERS], index) and not marked(id[ABSENTS], index) then return false end
  end
  return true
end

-- The doubt is over, since no open id can hold any of the rest: what becomes of them. Returns {state name, why}.
local function end_doubt(m, blob, rest)
  for place, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN then
      if is_proved(m, blob, place) then
        id[ID_STATE] = ACCEPTED_ID
      elseif is_absent(m, id) then
        id[ID_STATE] = ABSENT
      end
    end
  end
  redis.call('ZADD', WATCH, now + 3600000, ref)
  if not SINGLE and redis.call('HGET', CAMPAIGN_KEY, 'state') == 'cancelled' then
    count_doubt(m, 'cancelled')
    settle_batch(m, decide_rest(m, blob, CANCELLED, 0), 0)
    return { 'settled', 'cancelled' }
  end
  -- A code is not sent again by itself: whoever waits for it has asked for another by now, or goes by another channel.
  local is_code = m[POLICY] == ASK and redis.call('HEXISTS', SHARD, number .. 'c') == 1
  if is_code or m[DEADLINE] > 0 and now >= m[DEADLINE] then
    count_doubt(m, 'late')
    settle_batch(m, decide_rest(m, blob, LATE, 0), 0)
    return { 'settled', 'late' }
  end
  local why = m[POLICY] == PARK and 'policy' or m[DEATHS] >= 3 and 'poison' or #m[IDS] >= MOST_IDS and 'too many attempts'
  if why then
    park(m, rest, why)
    return { 'parked', why }
  end
  count_doubt(m, 'ready')
  forget_motion()
  move(m, READY, #rest)
  m[WHY] = ''
  local newest = m[IDS][#m[IDS]]
  local soonest = m[COUNT] == 1 and newest and newest[CLAIMED_AT] + 61000 or now -- spares noise from the one-minute guard
  redis.call('ZADD', ready_key(m), math.max(now, soonest), ref)
  return { 'ready', '' }
end

-- After facts: does every message have a verdict now? A found phone does not end `sending`.
local function conclude(m, blob, ask_after)
  local rest = undecided(m, blob)
  if m[STATE] ~= SENDING and m[STATE] ~= SETTLED and #rest == 0 then
    for place, id in ipairs(m[IDS]) do
      if id[ID_STATE] == OPEN and is_proved(m, blob, place) then id[ID_STATE] = ACCEPTED_ID end
    end
    count_doubt(m, 'found')
    settle_batch(m, blob, ask_after)
  elseif m[STATE] == SETTLED then
    local waiting, is_unpaid = open_questions(m, blob)
    if waiting or is_unpaid then -- perhaps again: a message of ours to end was accepted after all
      redis.call('ZADD', asks_key(m), 'NX', now + ask_after, ref)
      redis.call('ZREM', ENDED, ref)
    else
      forget_asks()
      if SINGLE then redis.call('ZADD', ENDED, 'NX', now, ref) end
    end
    if not waiting then wake_code(m) end
    finish_campaign()
  end
end

-- The youngest accepted message that had time to become visible: the control of trusted absence. `at` is when it was
-- claimed, the earliest moment at which the gateway can have accepted it.
local function note_control(gid, phone, at)
  local c = redis.call('HMGET', CONTROL, 'young', 'young_at', 'visible_ms')
  if not c[1] then
    redis.call('HSET', CONTROL, 'young', gid .. ':' .. phone, 'young_at', at)
  elseif at - tonumber(c[2]) >= tonumber(c[3] or '60000') then
    redis.call('HSET', CONTROL, 'ripe', c[1], 'ripe_at', c[2], 'young', gid .. ':' .. phone, 'young_at', at)
  end
end

local function phone_at(phones, index)
  local width = string.byte(phones, 1)
  local value = 0
  for at = 2 + index * width, 1 + (index + 1) * width do value = value * 256 + string.byte(phones, at) end
  return string.format('%.0f', value)
end
