-- What leaves as a letter, through a mail server.

-- A letter may wait in a queue for hours: that it is not there proves nothing, so its id stays open.
local function may_be_held_back(id) return string.find(id[MIRROR], HELD_BACK_AT, 1, true) == 1 end
