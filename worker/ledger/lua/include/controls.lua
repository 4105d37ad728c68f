-- The control of trusted absence: a message known to be accepted.
-- include: batch

-- The youngest accepted message that had time to become visible: the control of trusted absence. `at` is when it was
-- claimed, the earliest moment at which the gateway can have accepted it.
local function note_control(gid, phone, at)
  local c = redis.call('HMGET', CONTROL, 'young', 'young_at', 'visible_ms')
  if not c[1] then
    redis.call('HSET', CONTROL, 'young', gid .. ':' .. phone, 'young_at', at)
  elseif at - tonumber(c[2]) >= tonumber(c[3] or '60000') then
    redis.call('HSET', CONTROL, 'ripe', c[1], 'ripe_at', c[2], 'young', gid .. ':' .. phone, 'young_at', at)
  end
end

local function phone_at(phones, index)
  local width = string.byte(phones, 1)
  local value = 0
  for at = 2 + index * width, 1 + (index + 1) * width do value = value * 256 + string.byte(phones, at) end
  return string.format('%.0f', value)
end
