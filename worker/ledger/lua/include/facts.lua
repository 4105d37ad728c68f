-- Facts of the gateway: how they merge into receipts.
-- include: batch, receipts, sets, totals, money, proofs, beside

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

-- A message that is proved under a second id left twice: count it once per message and further id.
local function note_double(m, index, id, known_place)
  local first = id_at(m, known_place, index)
  if not first or first[GID] == id[GID] or marked(id[DOUBLED], index) then return end
  first[DOUBLED] = with_mark(m, first[DOUBLED], index, '1')
  id[DOUBLED] = with_mark(m, id[DOUBLED], index, '1')
  if m[RESENT] ~= 0 then -- a person or the sender chose that risk: counted apart, no alarm
    redis.call('HINCRBY', TOTALS, 'resend_doubles', 1)
    return
  end
  redis.call('HINCRBY', TOTALS, 'doubles', 1)
  redis.call('HINCRBY', CAMPAIGN_KEY, 'doubles', 1)
end

-- A callback's signature does not cover the cost. A cost from a callback is taken only if none is known yet and it is
-- plausible: half to all of the quoted price, or, without a quote, up to a hundred of the currency a part.
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

-- A receipt has one byte for a delivery error; a larger error is kept beside it.
local function note_error(m, index, err)
  if err <= 255 and not m[ODD] then return end
  local others = string.gsub(m[ODD] or '', ' ' .. index .. ':%d+', '')
  m[UNTOLD] = m[UNTOLD] or '' -- an array must have no holes
  m[ODD] = err > 255 and others .. ' ' .. index .. ':' .. err or others
end

-- Merge one fact into one receipt; facts merge in every state, from any wire, and never backwards. The cost is what the
-- gateway said last in an answer to us; a fact from a callback (`heard`) does not change it.
-- Returns the new receipt, the old status, the new status and the additional cost, or nil if nothing changes.
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
  elseif cost >= 0 then
    is_untold, new_cost = false, cost
  end
  if parts > 0 and (not heard or old_parts == 0) then
    new_parts = math.min(parts, MOST_PARTS)
    note_count(m, index, parts)
  end
  is_untold = is_untold or is_bare(m, index, is_new and status or old_status)
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

-- Update cost and status counters of a campaign or single message after facts were merged.
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

-- Apply facts to the batch: list of { index, id, place, status, err, parts, cost, at, heard, the packed values of a
-- probe or '', the operator's code or '' }. Returns the new receipts and how many changed.
local function apply_facts(m, facts)
  local blob = load_receipts(m)
  local changes, moved, spent, changed, reached = {}, {}, 0, 0, {}
  local here = UNDECIDED[m[STATE]]
  for _, f in ipairs(facts) do
    local index = f[1]
    local source = blob
    if changes[index] then source = splice(m, blob, changes) end
    if f[10] and f[10] ~= '' then note_values(m, index, f[10], f[9]) end
    local receipt, old, new, extra = merge(m, source, index, f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9])
    if receipt then
      changes[index] = receipt
      spent = spent + extra
      if old ~= new then
        changed = changed + 1
        local from = old == 0 and here or NAME[old]
        if from then moved[from] = (moved[from] or 0) - 1 end
        moved[NAME[new]] = (moved[NAME[new]] or 0) + 1
        if f[11] and f[11] ~= '' and FINAL[new] then
          reached[f[11]] = reached[f[11]] or {}
          reached[f[11]][NAME[new]] = (reached[f[11]][NAME[new]] or 0) + 1
        end
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
  count_networks(m, reached)
  count_unpriced(unpriced)
  redis.call('ZREM', BLIND, ref)
  return blob, changed
end
