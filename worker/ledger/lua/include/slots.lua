-- The slot of a request that is over. ARGV[4]: the fence of its claim.
-- include: batch, lanes

-- A request is over: whoever waits for a slot may look, of either lane. A few rings are kept for who is about to wait;
-- a ring that cannot be made is left out, since they look now and then all the same.
local MOST_RINGS = 4

local function free_slot(m)
  if redis.call('ZREM', slots_key(m), ref .. '/' .. ARGV[4]) == 0 then return end
  for _, bell in ipairs({ BELL_SLOTS_URGENT, BELL_SLOTS_BULK }) do
    local rings = redis.pcall('LLEN', bell)
    if type(rings) == 'number' and rings < MOST_RINGS then redis.pcall('RPUSH', bell, '') end
  end
end
