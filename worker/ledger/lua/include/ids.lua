-- The gateway ids of a batch.
-- include: sets

local function find_id(m, gid)
  for place, id in ipairs(m[IDS]) do
    if id[GID] == gid then return id, place end
  end
end

-- Can one of these messages still be accepted under an open id (other than `besides`)?
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
