-- How a budget is kept; the claim and `control.lua` count in the same way.

-- Fields of a campaign, in the order in which `least_budget` takes their values.
local BUDGETED = { 'cost', 'part_price', 'unpriced', 's:sending', 's:doubtful', 's:parked', 'parts', 'rows', 's:invalid',
  's:duplicate', 'left_out' }

-- The smallest budget, in 1/10,000, under which so many parts more may leave: known costs, plus, at the quoted price,
-- parts that left without a known cost, parts that may have left, and those parts.
local function least_budget(b, more)
  local function at(place) return tonumber(b[place] or '0') end
  local each = at(7) / math.max(1, at(8) - at(9) - at(10) - at(11)) -- parts of a message, on average
  return at(1) + at(2) * (at(3) + (at(4) + at(5) + at(6)) * each + more)
end

-- What a budget must allow for the next batch to leave: as much as the one that did not fit, else the smallest batch.
-- `part_price`: what a part is expected to cost, for a campaign without a price; '' for another.
local function least_next(campaign, part_price)
  local b = redis.call('HMGET', campaign, unpack(BUDGETED))
  local stopped = redis.call('HMGET', campaign, 'why', 'next_parts')
  if part_price ~= '' then b[2] = part_price end
  return math.ceil(least_budget(b, tonumber(stopped[1] == 'budget' and stopped[2] or '1')))
end
