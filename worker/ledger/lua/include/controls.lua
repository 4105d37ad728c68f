-- The control of trusted absence: a message to a phone that is known to be accepted. One to an address is none: history
-- lists messages by phone, and those to addresses perhaps elsewhere.
-- include: batch

-- The youngest accepted message that had time to become visible: the control of trusted absence. `at` is when it was
-- claimed, the earliest moment at which the gateway can have accepted it.
local function note_control(gid, phone, at)
  if not phone then return end
  local c = redis.call('HMGET', CONTROL, 'young', 'young_at', 'visible_ms')
  if not c[1] then
    redis.call('HSET', CONTROL, 'young', gid .. ':' .. phone, 'young_at', at)
  elseif at - tonumber(c[2]) >= tonumber(c[3] or '60000') then
    redis.call('HSET', CONTROL, 'ripe', c[1], 'ripe_at', c[2], 'young', gid .. ':' .. phone, 'young_at', at)
  end
end

-- The phone at a place of a batch; nil in a batch with an address.
local function phone_at(recipients, index)
  local width = string.byte(recipients, 1)
  if width == 0 then return nil end
  local value = 0
  for at = 2 + index * width, 1 + (index + 1) * width do value = value * 256 + string.byte(recipients, at) end
  return string.format('%.0f', value)
end
