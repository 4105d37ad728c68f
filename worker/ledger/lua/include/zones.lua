-- The batches of a campaign by zone: a list of numbers for each zone, and how many of each still wait to be handed out.
-- Those that wait are at the end of their list.

-- How many wait, by the place of the zone (from 0) in the campaign's table. `left`: the field `zone_left`.
local function waiting_of(left, zone) return struct.unpack('>I4', left, zone * 4 + 1) end

-- The same of all zones together.
local function waiting_in_all(left)
  local many = 0
  for zone = 0, #left / 4 - 1 do many = many + waiting_of(left, zone) end
  return many
end

local function with_waiting(left, zone, many)
  left = left .. string.rep('\0', math.max(0, zone * 4 - #left))
  return string.sub(left, 1, zone * 4) .. struct.pack('>I4', many) .. string.sub(left, zone * 4 + 5)
end

-- Add batch numbers, packed by zone, to the lists. `list_of`: the key of a zone's list. Returns `left` afterwards.
local function add_to_zones(left, list_of, packed)
  for zone, numbers in pairs(packed) do
    redis.call('APPEND', list_of(zone), numbers)
    local before = zone * 4 < #left and waiting_of(left, zone) or 0
    left = with_waiting(left, zone, before + #numbers / 4)
  end
  return left
end
