-- Totals: counters of a campaign, and those that the exporter reads.
-- include: batch

local function count(name, by)
  if by == 0 then return end
  redis.call('HINCRBY', CAMPAIGN_KEY, 's:' .. name, by)
  if name == NAME[ACCEPTED] then redis.call('HINCRBY', TOTALS, 'pending', by) end
end

local function count_forever(m, name, by)
  redis.call('HINCRBY', TOTALS, 'messages:' .. LANES[m[LANE]] .. ':' .. m[CHANNEL] .. ':' .. name, by)
end

local function add_gauge(m, state, by)
  redis.call('HINCRBY', TOTALS, 'batches:' .. LANES[m[LANE]] .. ':' .. state, by)
end
