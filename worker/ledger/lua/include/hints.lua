-- Whether a hint to a lane would wake nobody. Its mark is that of `awake.lua`.
-- A hint is left out only while as many requests as the mark says are being sent and a few batches wait already: the
-- workers that were hinted for those wait for a slot, and then take the next batch.

local MANY = 4

local function is_hint_idle(mark, taken, waiting)
  local most, until_ms = string.match(mark or '', '^(%d+) (%d+)$')
  return most ~= nil and now < tonumber(until_ms) and taken >= tonumber(most) and waiting > MANY
end
