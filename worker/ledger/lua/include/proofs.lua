-- What a receipt says about the id under which its message was accepted.
-- include: sets

-- The id that a receipt names. From the fifteenth id on the nibble is full and means the newest that carried the message.
local function id_at(m, place, index)
  if place < MOST_IDS then return m[IDS][place] end
  for later = #m[IDS], MOST_IDS, -1 do
    local id = m[IDS][later]
    if id[ID_STATE] ~= ABSENT and holds(id[MEMBERS], index) then return id end
  end
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
