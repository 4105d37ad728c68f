-- What the gateway has not said the price of.
-- include: batch

-- Parts of a message that left and whose cost nobody has told (0 tells nothing), by its receipt; what the gateway
-- refused costs nothing.
local function unpriced_in(m, receipt)
  local status, _, nibbles, cost = struct.unpack('>BBBI4', receipt)
  if not PROVES[status] or status == REFUSED or cost > 0 then return 0 end
  return nibbles % 16 > 0 and nibbles % 16 or math.ceil(m[PARTS] / m[COUNT])
end

-- A budget counts them at their expected price, until their cost is known.
local function count_unpriced(by)
  if by ~= 0 and not SINGLE and redis.call('HINCRBY', CAMPAIGN_KEY, 'unpriced', by) < 0 then
    redis.call('HSET', CAMPAIGN_KEY, 'unpriced', 0) -- they left under a version that did not count them
  end
end
