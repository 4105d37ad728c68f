-- Decide whether a code may go, and count it if it may.
-- KEYS: 1 shield, 2 shield:rules, 3 shield:held, 4 shield:busy, 5 shield:prices, 6 totals, 7 shield:token:<hash>,
--       8 shield:phone:<hash>, 9 shield:block:<digits>, 10 shield:wide:<digits>, 11 shield:country:<region>,
--       12 shield:all, 13 shield:client:<hash> if a client is named; then shield:known:<month>:<shard> of this month and
--       of those before.
-- ARGV: 1 time or '', 2 limits (MessagePack map, times in ms, money in units), 3 the phone's digits, 4 block, 5 wide,
--       6 region, 7 channel, 8 '1' if the code can be verified, 9 '1' to decide only, 10 longest hold in ms,
--       11 for how many ms a rule that is over is remembered, 12 for how many a token is, 13 '1' for a further channel
--       of a code that phone and client were counted for, 14 the phone's kind of number if codes do not go to that kind, or '',
--       15 '1' if a client is named, 16 for how many phones without a verified code a client is evidence against
--       prefixes, 17.. the phone's bits in shield:known.
-- Returns { code, name, most, span ms, wait ms, price, sent, verified, mode }. A token that was answered gets the same
-- answer. Of a refused code only the refusal is counted. All callers together stay within every limit.
-- include: windows

local plan = cmsgpack.unpack(ARGV[2])
local said = redis.call('HGETALL', KEYS[1]) -- limits set by hand with `limit`: { as written, as here }
for place = 1, #said, 2 do plan[said[place]] = cmsgpack.unpack(said[place + 1])[2] end
if plan.mode == 'off' then return { 'allowed', '', 0, 0, 0, 0, 0, 0, 'off' } end

local digits, block, wide, region = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local LAST = ARGV[15] == '1' and 13 or 12 -- of the states below
local dry = ARGV[9] == '1'
if not dry then
  local before = redis.call('GET', KEYS[7])
  if before then
    local told = cmsgpack.unpack(before).told
    told[5] = math.max(0, told[5] - now)
    return told
  end
end

local told -- the first reason to refuse: { code, name, most, span, until, price, sent, verified, mode }
local function refuse(code, name, most, span, ms, sent, verified)
  if not told then told = { code, name, most, span, now + ms, 0, sent or 0, verified or 0, plan.mode } end
end

-- Was a code entered at this phone in these months? Then automatic holds do not apply to it.
local is_known
local function known()
  if is_known == nil then
    is_known = false
    for place = LAST + 1, #KEYS do
      local all = 1
      for each = 17, #ARGV do all = all * redis.call('GETBIT', KEYS[place], ARGV[each]) end
      is_known = is_known or all == 1
    end
  end
  return is_known
end

-- Rules: the longest prefix with a rule in force decides, the country last.
local names = {}
for length = #digits, 1, -1 do names[#names + 1] = string.sub(digits, 1, length) end
names[#names + 1] = region
local rules, trusted, decided = {}, false, false
for place, raw in ipairs(redis.call('HMGET', KEYS[2], unpack(names))) do
  if raw then
    local name = names[place]
    local rule = cmsgpack.unpack(raw)
    rules[name] = rule
    if decided then -- a longer prefix has decided
    elseif rule.k == 'allow' then
      decided, trusted = true, name ~= region
    elseif rule.k == 'deny' then
      decided = true
      refuse('denied_country', name, 0, 0, 0)
    elseif rule.k == 'hold' and (rule.u == 0 or rule.u > now) and not (rule.s and known()) then
      decided = true
      refuse('held', name, 0, 0, rule.u == 0 and 0 or rule.u - now, rule.s, rule.v)
    end
  end
end
local listed = plan.countries and plan.countries[region]
local welcome = rules[region] and rules[region].k == 'allow'
if not trusted and not welcome and (plan.deny[region] or (plan.countries and not listed)) then
  refuse('denied_country', region, 0, 0, 0)
end

-- A rule for all that goes to a country holds for codes too, whatever the shield says of its prefixes.
local of_all = redis.call('HMGET', KEYS[2], 'all:' .. region, 'all:*')
if (of_all[1] or of_all[2]) and cmsgpack.unpack(of_all[1] or of_all[2]).k == 'block' then
  refuse('denied_country', region, 0, 0, 0)
end

if ARGV[14] ~= '' and not trusted then refuse('denied_number', ARGV[14], 0, 0, 0) end

local state = {}
for at, raw in ipairs(redis.call('MGET', unpack(KEYS, 8, LAST))) do state[at + 7] = unpacked(raw) end

-- The gateway would refuse again what it refused a while ago, and many refusals stop the lane.
local until_ms = state[8].no and state[8].no[ARGV[7]] or 0
if until_ms > now then refuse('refused', 'phone', 0, 0, until_ms - now) end
until_ms = state[13] and state[13].no or 0
if until_ms > now and not known() then refuse('refused', 'client', 0, 0, until_ms - now) end

-- Has the share of verified codes collapsed?
local function is_collapsed(ring, after)
  local sent, verified = total(ring, 3, 1), total(ring, 3, 2)
  return sent - verified >= after and verified < plan.hold_below * sent, sent, verified
end

-- A client whose codes nobody enters is held itself, before its phones could hold the prefixes of others.
local client = state[13] or {}
local asked = fresh(client.r, EVIDENCE, 3) -- phones that it asked for, and how many of them verified
if (client.h or 0) <= now and plan.hold_after[1] > 0 and not told and not trusted then
  local is_over, sent, verified = is_collapsed(asked, plan.hold_after[1])
  if is_over then
    client.h, client.hs, client.hv, client.r = now + plan.hold_for, sent, verified, nil
    asked = fresh(nil, EVIDENCE, 3)
    if not dry then
      local ms = math.max(redis.call('PTTL', KEYS[13]), plan.hold_for)
      redis.call('SET', KEYS[13], cmsgpack.pack(client), 'PX', ms)
    end
  end
end
if (client.h or 0) > now and not trusted and not known() then
  refuse('held', 'client', 0, 0, client.h - now, client.hs, client.hv)
end

-- Hold a prefix from now on, twice as long as the time before. A held country is an alarm.
local function hold(name, place, sent, verified)
  local remembered = tonumber(ARGV[11])
  local ms, times = hold_ms(rules[name] or {}, plan, tonumber(ARGV[10]), remembered)
  if not known() then refuse('held', name, 0, 0, ms, sent, verified) end
  if dry then return end
  write_hold(name, ms, times, remembered, sent, verified)
  if place == 11 then redis.call('HINCRBY', KEYS[6], 'alarm:country-held', 1) end
  state[place].r = nil -- the next hold needs evidence of its own
  redis.call('SET', KEYS[place], cmsgpack.pack(state[place]), 'KEEPTTL')
end

local levels = { { 9, block }, { 10, wide }, { 11, region } }
for level, each in ipairs(levels) do
  local place, name = each[1], each[2]
  local rule, after = rules[name], plan.hold_after[level]
  local spared = trusted or (rule and (rule.k == 'grace' or rule.k == 'hold') and (rule.u == 0 or rule.u > now))
  if after > 0 and not told and not spared then
    local is_over, sent, verified = is_collapsed(fresh(state[place].r, EVIDENCE, 3), after)
    if is_over then hold(name, place, sent, verified) end
  end
end

-- The busiest prefixes by the codes of their last hour, as a logarithm that fades with each hour; looked at when a slot
-- begins and whenever the codes have doubled.
local KIND = { [9] = 'block:' .. block, [10] = 'wide:' .. wide, [11] = 'country:' .. region }
local function is_busy(place, ring, begins)
  local sent = total(ring, 3, 1)
  if not begins and math.log(sent) / math.log(2) % 1 > 0 then return end
  if redis.call('ZADD', KEYS[4], string.format('%.12g', now / EVIDENCE + math.log(sent)), KIND[place]) == 1 then
    redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -301)
    redis.call('PEXPIRE', KEYS[4], 2 * DAY)
  end
end

-- A phone is evidence once, until a code is entered there or a hold has used it, so that few phones cannot hold a prefix.
-- A client is evidence for few phones at a time, without those where a code was entered, so that few clients cannot either.
local mine, theirs, is_evidence = fresh(state[8].r, EVIDENCE, 3), fresh(state[9].r, EVIDENCE, 3), ARGV[8] == '1'
local slots, is_asked, is_left_out = {}, false, false -- is_asked: one more phone of this client
for place = 2, #theirs, 3 do slots[theirs[place]] = true end
for place = 2, #mine, 3 do
  if mine[place + 1] > mine[place + 2] and slots[mine[place]] then is_evidence = false end
end
if LAST == 13 and is_evidence and not trusted then
  local who = tail(KEYS[13])
  local was_left_out = (state[8].u or 0) > now - EVIDENCE and state[8].w == who
  is_left_out = total(asked, 3, 1) - total(asked, 3, 2) >= tonumber(ARGV[16])
  is_evidence, is_asked = not is_left_out, not was_left_out
end

-- Limits, each in its windows.
local MOST_RINGS = 4
local function is_counted(place) return ARGV[13] ~= '1' or (place ~= 8 and place ~= 13) end
local limited = {
  { 8, 'phone', 'phone_limit', '' }, { 13, 'client', 'client_limit', '' }, { 9, 'block', 'prefix_limit', block },
  { 10, 'wide', 'prefix_limit', wide }, { 11, 'country', 'country_limit', region }, { 12, 'daily', 'daily_limit', '' },
}
for _, row in ipairs(limited) do
  local place, own = row[1], {}
  local kept = state[place]
  if kept then
    local olds = kept.l or {}
    for at, rate in ipairs(plan[row[2]]) do
      local ring
      for other, old in ipairs(olds) do
        if old[1] == rate[2] then ring = table.remove(olds, other) break end
      end
      own[at] = fresh(ring, rate[2], 2)
      local counts = not trusted or (place ~= 9 and place ~= 10 and place ~= 11)
      local most = rate[1]
      if counts and is_counted(place) and total(own[at], 2, 1) + 1 > most then
        if place == 12 and known() then most = 2 * most end -- unknown phones cannot use up the day's limit of known ones
        if total(own[at], 2, 1) + 1 > most then refuse(row[3], row[4], most, rate[2], wait(own[at], most, 1)) end
      end
    end
    for _, old in ipairs(olds) do -- windows of a host with other settings, or of a limit that may come back
      if #own < MOST_RINGS then own[#own + 1] = fresh(old, old[1], 2) end
    end
    kept.l = own
  end
end

local field = ARGV[7] .. ':' .. region
local known = redis.call('HGET', KEYS[5], field)
local price = known and cmsgpack.unpack(known)[1] or plan.price
local spent = fresh(state[12].c, DAY, 2)
if plan.daily_cost > 0 and total(spent, 2, 1) + price > plan.daily_cost then
  refuse('daily_cost', '', plan.daily_cost, DAY, wait(spent, plan.daily_cost, price))
end

local answer = told or { 'allowed', '', 0, 0, 0, 0, 0, 0, plan.mode }
local refused = told ~= nil and plan.mode == 'on'
if not refused then answer[6] = price end
if not dry then
  redis.call('HINCRBY', KEYS[6], 'shield:' .. answer[1], 1)
  if refused then -- kept for a lost reply only: later the same may be allowed
    redis.call('SET', KEYS[7], cmsgpack.pack({ told = answer }), 'PX', 10000)
  else
    state[12].c = spent
    local slot = add(spent, 2, price)
    if is_evidence then state[8].u, state[8].w = nil, LAST == 13 and tail(KEYS[13]) or nil end
    if is_left_out then state[8].u, state[8].w = now, tail(KEYS[13]) end
    if is_asked then
      client.r = asked
      add(client.r, 3, 1)
    end
    for place = 8, LAST do
      local kept, longest = state[place], EVIDENCE
      for _, ring in ipairs(kept.l or {}) do
        if is_counted(place) then add(ring, 2, 1) end
        longest = math.max(longest, ring[1])
      end
      if kept.c then longest = DAY end
      longest = math.max(longest, (kept.h or 0) - now, place == 13 and kept.no and kept.no - now or 0)
      if is_evidence and place < 13 then
        kept.r = fresh(kept.r, EVIDENCE, 3)
        local before = #kept.r
        add(kept.r, 3, 1)
        if KIND[place] then is_busy(place, kept.r, #kept.r > before) end
      end
      redis.call('SET', KEYS[place], cmsgpack.pack(kept), 'PX', longest + 2 * width(longest))
    end
    redis.call('SET', KEYS[7], cmsgpack.pack({ told = answer, p = price, s = slot, f = field,
      w = LAST == 13 and KEYS[13] or nil }), 'PX', ARGV[12])
  end
end
local reply = { unpack(answer) }
reply[5] = math.max(0, reply[5] - now)
return reply
