-- The gateway refused an admitted code: for a while no code goes to its phone by that channel. A few such phones hold
-- their client, more of them, of several clients, hold their block.
-- KEYS: 1 shield, 2 shield:rules, 3 shield:held, 4 shield:token:<hash>, 5 shield:phone:<hash>, 6 shield:block:<digits>,
--       7 shield:client:<hash> if the code was asked for by one.
-- ARGV: 1 time or '', 2 limits, 3 the phone's digits, 4 block, 5 channel, 6 longest hold in ms, 7 for how many ms a rule
--       that is over is remembered, 8 refusals that hold a block, 9 a client, 10 for how many ms a phone is remembered.
-- Returns {'counted'}; {'strange'} if the shield did not admit it, or was told already.
-- include: windows

local plan = cmsgpack.unpack(ARGV[2])
local said = redis.call('HGETALL', KEYS[1])
for place = 1, #said, 2 do plan[said[place]] = cmsgpack.unpack(said[place + 1])[2] end
local token = redis.call('GET', KEYS[4])
local admitted = token and cmsgpack.unpack(token)
if plan.mode == 'off' or not admitted or not admitted.p or admitted.x then return { 'strange' } end
admitted.x = true
redis.call('SET', KEYS[4], cmsgpack.pack(admitted), 'KEEPTTL')

local function keep(place, kept, ms)
  redis.call('SET', KEYS[place], cmsgpack.pack(kept), 'PX', math.max(redis.call('PTTL', KEYS[place]), ms))
end
local KEPT = EVIDENCE + 2 * width(EVIDENCE)

local phone = unpacked(redis.call('GET', KEYS[5]))
phone.no = phone.no or {}
phone.no[ARGV[5]] = now + tonumber(ARGV[10])
keep(5, phone, tonumber(ARGV[10]))

local client = KEYS[7] and unpacked(redis.call('GET', KEYS[7]))
if client then client.x = fresh(client.x, EVIDENCE, 2) end

-- Hold a block, unless it has a rule already or more codes are entered there than refused. A client is evidence once.
local block = unpacked(redis.call('GET', KEYS[6]))
block.x = fresh(block.x, EVIDENCE, 2)
if not client or total(client.x, 2, 1) == 0 then add(block.x, 2, 1) end
local refused, ring = total(block.x, 2, 1), fresh(block.r, EVIDENCE, 3)
local sent, verified = total(ring, 3, 1), total(ring, 3, 2)
if plan.hold_after[1] > 0 and refused >= tonumber(ARGV[8]) and refused > verified then
  local names, own, is_spared = {}, {}, false
  for length = #ARGV[3], 1, -1 do names[#names + 1] = string.sub(ARGV[3], 1, length) end
  for place, raw in ipairs(redis.call('HMGET', KEYS[2], unpack(names))) do
    local rule = raw and cmsgpack.unpack(raw)
    if rule then
      if names[place] == ARGV[4] then own = rule end
      local lasts = rule.u == 0 or rule.u > now
      if lasts and (rule.k ~= 'grace' or names[place] == ARGV[4]) then is_spared = true end
    end
  end
  if not is_spared then
    local remembered = tonumber(ARGV[7])
    local ms, times = hold_ms(own, plan, tonumber(ARGV[6]), remembered)
    write_hold(ARGV[4], ms, times, remembered, sent, verified)
    block.x, block.r = nil, nil -- the next hold needs evidence of its own
  end
end
keep(6, block, KEPT)

if client then
  add(client.x, 2, 1)
  if total(client.x, 2, 1) >= tonumber(ARGV[9]) then client.no, client.x = now + plan.hold_for, nil end
  keep(7, client, math.max(KEPT, plan.hold_for))
end
return { 'counted' }
