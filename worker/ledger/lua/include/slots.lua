-- The slot of a request that is over. ARGV[4]: the fence of its claim.
-- include: batch, lanes

-- A request is over: wake the workers of both lanes that wait for a slot. A few rings are kept for those about to wait. If
-- a ring fails it is left out, since waiting workers also look now and then.
local MOST_RINGS = 4

local function free_slot(m)
  if redis.call('ZREM', slots_key(m), ref .. '/' .. ARGV[4]) == 0 then return end
  for _, bell in ipairs({ BELL_SLOTS_URGENT, BELL_SLOTS_BULK }) do
    local rings = redis.pcall('LLEN', bell)
    if type(rings) == 'number' and rings < MOST_RINGS then redis.pcall('RPUSH', bell, '') end
  end
end
