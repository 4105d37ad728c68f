-- Sets of messages of a batch, and marks beside them.

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
