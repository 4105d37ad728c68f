-- Counters in sliding windows.
-- A ring is { span in ms, slot, n, slot, n, ... } with slots of a twenty-fourth of its span, oldest first. What counts
-- is the slot of now and the 24 before it: never less than a window of `span` that ends now, at most a slot more. So
-- no window of `span` ever holds more than was allowed. With a step of 3 a slot has two numbers: sent and verified.
-- A subject's state, packed with MessagePack: { l = its rings, r = ring of sent and verified, c = ring of money,
-- t = the last verified code's token, x = ring of what the gateway refused, no = until when nothing goes: of a phone by
-- channel, of a client; of a client also h = until when it is held for codes that nobody entered, hs and hv = how many
-- went and were verified then; of a phone w = the client that it was asked for by, u = when that client was past the
-- phones it is evidence for }.

local SLOTS, DAY, EVIDENCE = 24, 86400000, 3600000

local function width(span) return math.ceil(span / SLOTS) end

-- The same ring without what is over; a new one if there is none of this span.
local function fresh(ring, span, step)
  local kept, first = { span }, math.floor(now / width(span)) - SLOTS
  if not ring or ring[1] ~= span then return kept end
  if #ring == 1 or ring[2] >= first then return ring end
  for place = 2, #ring, step do
    if ring[place] >= first then
      for each = place, place + step - 1 do kept[#kept + 1] = ring[each] end
    end
  end
  return kept
end

local function total(ring, step, at)
  local all = 0
  for place = 2, #ring, step do all = all + ring[place + at] end
  return all
end

-- If the clock went back, the newest slot counts, and expires later.
local function add(ring, step, by)
  local last, slot = #ring - step + 1, math.floor(now / width(ring[1]))
  if last < 2 or ring[last] < slot then
    last = #ring + 1
    ring[last] = slot
    for each = 1, step - 1 do ring[last + each] = 0 end
  end
  ring[last + 1] = ring[last + 1] + by
  return ring[last]
end

-- How long until `by` more fit.
local function wait(ring, most, by)
  local over = total(ring, 2, 1) + by - most
  for place = 2, #ring, 2 do
    over = over - ring[place + 1]
    if over <= 0 then return math.max(1, (ring[place] + SLOTS + 1) * width(ring[1]) - now) end
  end
  return ring[1]
end

local function unpacked(raw) return raw and cmsgpack.unpack(raw) or {} end

-- Enough of a client's key to recognise it.
local function tail(key) return string.sub(key, -8) end

-- How long a hold lasts: twice as long as the one before.
local function hold_ms(rule, plan, longest, remembered)
  local times = rule.n and rule.u > now - remembered and rule.n or 0
  return math.min(plan.hold_for * 2 ^ times, longest), times + 1
end

-- Hold a prefix, and forget those that are long over. For scripts whose KEYS are 2 shield:rules, 3 shield:held.
local function write_hold(name, ms, times, remembered, sent, verified)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - remembered, 'LIMIT', 0, 20)) do
    redis.call('ZREM', KEYS[3], old)
    redis.call('HDEL', KEYS[2], old)
  end
  redis.call('HSET', KEYS[2], name, cmsgpack.pack({ k = 'hold', f = now, u = now + ms, n = times, s = sent, v = verified }))
  redis.call('ZADD', KEYS[3], now + ms, name)
end
