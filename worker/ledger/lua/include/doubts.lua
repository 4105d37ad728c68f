-- The end of a doubt.
-- include: batch

-- Count the end of a doubt: how it ended, and after how long.
local function count_doubt(m, outcome)
  if m[STATE] ~= DOUBTFUL then return end
  local ms = math.max(0, now - m[SINCE])
  if m[CHANNEL] ~= SIMULATED then
    redis.call('HINCRBY', TOTALS, 'doubts_ended:' .. outcome, 1)
    redis.call('HINCRBY', TOTALS, 'doubt_ms:' .. outcome, ms)
  end
  redis.call('HINCRBY', CAMPAIGN_KEY, 'doubts', 1)
  redis.call('HINCRBY', CAMPAIGN_KEY, 'doubt_ms', ms)
  if ms > tonumber(redis.call('HGET', CAMPAIGN_KEY, 'doubt_longest') or '0') then
    redis.call('HSET', CAMPAIGN_KEY, 'doubt_longest', ms)
  end
end
