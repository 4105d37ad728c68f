-- What was found out and does not fit into receipts: the fields of probes, and large counts of parts.
-- include: batch

-- A field of the batch's hash holds the records of sixteen messages, and exists only if one of them has something.
local function beside_key(index) return number .. 'x' .. math.floor(index / BESIDE_SIZE) end

local function load_beside(m, index)
  local raw = m[BESIDE] and redis.call('HGET', SHARD, beside_key(index))
  return raw and cmsgpack.unpack(raw) or {}
end

local function beside_of(records, index)
  for _, record in ipairs(records) do
    if record[BESIDE_INDEX] == index then return record end
  end
end

local function save_beside(m, index, records)
  redis.call('HSET', SHARD, beside_key(index), cmsgpack.pack(records))
  m[UNTOLD], m[ODD] = m[UNTOLD] or '', m[ODD] or '' -- an array must have no holes
  m[BESIDE] = 1
end

-- The records of sixteen messages, and that of this one; a new one if there is none.
local function beside_for(m, index)
  local records = load_beside(m, index)
  local record = beside_of(records, index)
  if record then return records, record end
  record = { index, 0 }
  for place = BESIDE_VALUES, BESIDE_VALUES + ALL_VALUES - 1 do record[place] = '' end
  records[#records + 1] = record
  return records, record
end

-- A receipt counts parts up to fifteen.
local function note_count(m, index, parts)
  if parts <= MOST_PARTS and not m[BESIDE] then return end
  local records, record = beside_for(m, index)
  local count = parts > MOST_PARTS and parts or 0
  if record[BESIDE_COUNT] == count then return end
  record[BESIDE_COUNT] = count
  save_beside(m, index, records)
end

-- Keep the values of a probe. A value that the gateway gave when asked replaces one that is known; one that came by a call
-- to us (`heard`) only fills a gap, since no signature covers it; one that is empty changes nothing.
local function note_values(m, index, packed, heard)
  local records, record = beside_for(m, index)
  local is_new = false
  for order, value in ipairs(cmsgpack.unpack(packed)) do
    local place = BESIDE_VALUES + order - 1
    if value ~= '' and value ~= record[place] and (not heard or record[place] == '') then
      record[place], is_new = value, true
    end
  end
  if is_new then save_beside(m, index, records) end
end

-- Is it a probe that reached its phone, and what it found out is not known?
local function is_bare(m, index, status)
  local needed = NEEDED[m[CHANNEL]]
  if not needed or #needed == 0 or status ~= DELIVERED and status ~= READ then return false end
  local record = beside_of(load_beside(m, index), index)
  if not record then return true end
  for _, place in ipairs(needed) do
    if record[place] ~= '' then return false end
  end
  return true
end

-- The label of an operator's code: the first that were seen have labels of their own.
local function network_label(network)
  local known = redis.call('HGET', CTL, 'networks') or ''
  if string.find(known, ' ' .. network .. ' ', 1, true) then return network end
  local _, many = string.gsub(known, '%d+', '')
  if many >= MOST_NETWORKS then return OTHER_NETWORK end
  redis.call('HSET', CTL, 'networks', (known == '' and ' ' or known) .. network .. ' ')
  return network
end

-- Count messages that reached a final status, by the operator: `reached` has how many by code and status.
local function count_networks(m, reached)
  for network, statuses in pairs(reached) do
    local label = network_label(network)
    for status, many in pairs(statuses) do
      redis.call('HINCRBY', TOTALS, 'networks:' .. m[CHANNEL] .. ':' .. label .. ':' .. status, many)
    end
  end
end
