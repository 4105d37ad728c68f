-- The control of trusted absence: a message to a phone that is known to be accepted. One to an address is none: history
-- lists messages by phone, and those to addresses perhaps elsewhere.
-- include: batch, wires

-- The youngest accepted message that had time to become visible: the control of trusted absence. `at` is when it was
-- claimed, the earliest moment at which the gateway can have accepted it. Messages that are found by their comments have a
-- control of their own: only one of them shows that comments are shown.
local function note_control(gid, phone, at, mirror)
  if not phone then return end
  local kind = is_by_comment(mirror) and 'said:' or ''
  local young, ripe = kind .. 'young', kind .. 'ripe'
  local c = redis.call('HMGET', CONTROL, young, young .. '_at', 'visible_ms')
  if not c[1] then
    redis.call('HSET', CONTROL, young, gid .. ':' .. phone, young .. '_at', at)
  elseif at - tonumber(c[2]) >= tonumber(c[3] or '60000') then
    redis.call('HSET', CONTROL, ripe, c[1], ripe .. '_at', c[2], young, gid .. ':' .. phone, young .. '_at', at)
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
