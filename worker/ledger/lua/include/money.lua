-- Parts whose cost the gateway has not told.
-- include: batch

-- The parts of a message that left without a known cost (0 is unknown), by its receipt; a refused message costs nothing.
local function unpriced_in(m, receipt)
  local status, _, nibbles, cost = struct.unpack('>BBBI4', receipt)
  if not PROVES[status] or status == REFUSED or cost > 0 then return 0 end
  return nibbles % 16 > 0 and nibbles % 16 or math.ceil(m[PARTS] / m[COUNT])
end

-- A budget counts them at the expected price until their cost is known.
local function count_unpriced(by)
  if by ~= 0 and not SINGLE and redis.call('HINCRBY', CAMPAIGN_KEY, 'unpriced', by) < 0 then
    redis.call('HSET', CAMPAIGN_KEY, 'unpriced', 0) -- they left under an earlier version, which did not count them
  end
end
