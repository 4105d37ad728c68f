-- The end of a campaign.
-- include: batch

-- A campaign is done when its enrolment is closed and every message is final or parked; a cancelled one stays
-- cancelled and is over.
local function finish_campaign()
  if SINGLE then return end
  local c = redis.call('HMGET', CAMPAIGN_KEY, 'closed', 'state', 's:queued', 's:sending', 's:doubtful', 's:accepted')
  if c[2] == 'done' or (c[1] ~= '1' and c[2] ~= 'cancelled') then return end
  for place = 3, 6 do
    if c[place] and c[place] ~= '0' then return end
  end
  if c[2] == 'cancelled' then
    redis.call('HSETNX', CAMPAIGN_KEY, 'done_at', now)
  else
    redis.call('HSET', CAMPAIGN_KEY, 'state', 'done', 'done_at', now)
  end
end
