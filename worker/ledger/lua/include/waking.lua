-- Waking the workers of a lane for messages that were just enrolled.
-- include: batch, awake, hints

-- The bell of the ledger itself: idle workers of the urgent lane wait there, and each ring wakes one, which claims whatever
-- is next. A worker says with each beat that it hears the bell; an older one, and one that lost its connection, does not.

-- Ring once for each of so many messages, as far as the bell holds them. Returns whether those who hear it will come to all.
-- An error of the bell loses nothing: the caller gives a hint then.
local function ring_for(bell, many, last)
  local rings = redis.pcall('LLEN', bell)
  if type(rings) ~= 'number' then return false end
  for _ = 1, math.min(many, MOST_READY_RINGS - rings) do
    if type(redis.pcall('RPUSH', bell, '')) ~= 'number' then return false end
  end
  if rings + many > MOST_READY_RINGS then redis.call('HSET', CTL, 'unhinted:0', last) end
  return true
end

-- Whether the caller need give no hint of the messages that it enrolled: it would wake nobody, or the bell has rung.
-- `last` is their score in the ready set. What has no hint is written down, so that those who are awake go on to it.
local function is_woken(m, bell, many, last)
  local lane = m[LANE]
  local ctl = redis.call('HMGET', CTL, 'awake:' .. lane, 'heard:' .. lane)
  if ctl[1] then
    local after = '(' .. string.format('%.0f', now)
    local taken = redis.call('ZCOUNT', SLOTS_BULK, after, '+inf')
    if lane == 0 then taken = taken + redis.call('ZCOUNT', SLOTS_URGENT, after, '+inf') end
    if is_hint_idle(ctl[1], taken, waiting_in(lane)) then
      redis.call('HSET', CTL, 'unhinted:' .. lane, last)
      return true
    end
  end
  return lane == 0 and ctl[2] and now < tonumber(ctl[2]) and ring_for(bell, many, last)
end
