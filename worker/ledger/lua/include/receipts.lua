-- Receipts of a batch: eleven bytes a message.
-- include: batch

local function load_receipts(m)
  return redis.call('HGET', SHARD, number .. 'r') or string.rep(NO_RECEIPT, m[COUNT])
end

local function save_receipts(blob)
  redis.call('HSET', SHARD, number .. 'r', blob)
end

local function status_at(blob, index) return string.byte(blob, index * RECEIPT + 1) end

local function undecided(m, blob)
  local found, all = {}, m[COUNT]
  if blob == string.rep(string.sub(blob, 1, RECEIPT), all) then -- mostly all are alike: look at one
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
