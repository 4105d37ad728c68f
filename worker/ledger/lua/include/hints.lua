-- Whether a hint to a lane would wake nobody. Its mark is that of `awake.lua`.
-- It is left out only while as many requests as the mark says are still being sent, and a few batches wait already:
-- those who wait for a slot, hinted for these, take whatever is next.

local MANY = 4

local function is_hint_idle(mark, taken, waiting)
  local most, until_ms = string.match(mark or '', '^(%d+) (%d+)$')
  return most ~= nil and now < tonumber(until_ms) and taken >= tonumber(most) and waiting > MANY
end
