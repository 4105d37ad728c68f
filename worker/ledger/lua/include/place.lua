-- The campaign that was begun in another's place.

-- Whether it keeps that place, by its state and how much of it was handed out: only one that was cancelled before
-- anything was gives it back.
local function has_place(state_and_fed)
  return not (state_and_fed[1] == 'cancelled' and state_and_fed[2] == '0')
end
