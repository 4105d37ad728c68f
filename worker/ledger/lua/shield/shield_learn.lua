-- The gateway said what a code costs: keep it as the price, and correct what was reserved for this one.
-- KEYS: 1 shield:prices, 2 shield:token:<hash>, 3 shield:all.
-- ARGV: 1 time or '', 2 channel:region, 3 what it costs, in units, 4 for how many ms a higher price outlives a lower one.
-- Returns { the price now, since when }; { 0, 0 } if the shield did not admit it: other texts cost otherwise.
-- Operators of one country differ, so the highest recent price is kept: better to reserve too much than too little.
-- include: windows

local token = redis.call('GET', KEYS[2])
local admitted = token and cmsgpack.unpack(token)
if not admitted or admitted.f ~= ARGV[2] then return { 0, 0 } end
local cost = tonumber(ARGV[3])

local raw = redis.call('HGET', KEYS[1], ARGV[2])
local known = raw and cmsgpack.unpack(raw) -- { units, since, last seen }
if not known or (cost ~= known[1] and (cost > known[1] or now - known[3] > tonumber(ARGV[4]))) then
  known = { cost, now, now }
elseif cost == known[1] then
  known[3] = now
end
redis.call('HSET', KEYS[1], ARGV[2], cmsgpack.pack(known))

if admitted.p ~= cost then
  local state = unpacked(redis.call('GET', KEYS[3]))
  for place = 2, #(state.c or {}), 2 do
    if state.c[place] == admitted.s then
      state.c[place + 1] = state.c[place + 1] + cost - admitted.p
      redis.call('SET', KEYS[3], cmsgpack.pack(state), 'KEEPTTL')
    end
  end
  admitted.p = cost
  redis.call('SET', KEYS[2], cmsgpack.pack(admitted), 'KEEPTTL')
end
return { known[1], known[2] }
