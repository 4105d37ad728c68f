-- A right code was verified: all codes to this phone that were counted as sent count as verified, and no longer against
-- the phone's own limit; automatic holds do not apply to this phone for some months.
-- KEYS: 1 shield:phone:<hash>, 2 shield:block:<digits>, 3 shield:wide:<digits>, 4 shield:country:<region>, 5 shield:all,
--       6 shield:known:<month>:<shard>, 7 shield:client:<hash> if the code was asked for by one.
-- ARGV: 1 time or '', 2 the token of the verified code, 3 for how many ms a phone is known, 4.. its bits there.
-- Returns { how many codes it stands for }; a token that was told before stands for none.
-- include: windows

local mine = unpacked(redis.call('GET', KEYS[1]))
if mine.t == ARGV[2] then return { 0 } end
for each = 4, #ARGV do redis.call('SETBIT', KEYS[6], ARGV[each], 1) end
redis.call('PEXPIRE', KEYS[6], ARGV[3])
if not mine.r and not mine.u then return { 0 } end

local open, all = {}, 0
for place = 2, #(mine.r or {}), 3 do
  local many = mine.r[place + 1] - mine.r[place + 2]
  open[mine.r[place]] = many
  all = all + many
  mine.r[place + 2] = mine.r[place + 1]
end
-- The client had asked for more phones than it is evidence for: this one counts for its prefixes too.
local left_out = mine.u and mine.u > now - EVIDENCE and math.floor(mine.u / width(EVIDENCE))
local who = mine.w
mine.t, mine.l, mine.u, mine.w = ARGV[2], nil, nil, nil
redis.call('SET', KEYS[1], cmsgpack.pack(mine), 'KEEPTTL')

local function credit(at, is_counted_now)
  local state = unpacked(redis.call('GET', KEYS[at]))
  if not state.l and not state.r then return end -- it is gone; written again it would never expire
  state.r = fresh(state.r, EVIDENCE, 3)
  local late = is_counted_now and add(state.r, 3, 1)
  for place = 2, #state.r, 3 do -- a hold may have removed the slot
    local slot = state.r[place]
    local by = (open[slot] or 0) + (slot == late and 1 or 0)
    state.r[place + 2] = math.min(state.r[place + 1], state.r[place + 2] + by)
  end
  redis.call('SET', KEYS[at], cmsgpack.pack(state), 'KEEPTTL')
end

if all > 0 or left_out then
  for at = 2, 5 do credit(at, left_out) end
  if KEYS[7] and who == tail(KEYS[7]) then
    if left_out then open[left_out] = (open[left_out] or 0) + 1 end
    credit(7, false)
  end
end
return { all + (left_out and 1 or 0) }
