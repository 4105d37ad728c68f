-- A right code was verified: all codes that went to this phone count as verified, where they were counted as sent, and
-- no more against the phone's own limit.
-- KEYS: 1 shield:phone:<hash>, 2 shield:block:<digits>, 3 shield:wide:<digits>, 4 shield:country:<region>, 5 shield:all.
-- ARGV: 1 time or '', 2 the token of the verified code.
-- Returns { how many codes it stands for }; a token that was told before stands for none.

local mine = unpacked(redis.call('GET', KEYS[1]))
if not mine.r or mine.t == ARGV[2] then return { 0 } end
local open, all = {}, 0
for place = 2, #mine.r, 3 do
  local many = mine.r[place + 1] - mine.r[place + 2]
  open[mine.r[place]] = many
  all = all + many
  mine.r[place + 2] = mine.r[place + 1]
end
mine.t, mine.l = ARGV[2], nil
redis.call('SET', KEYS[1], cmsgpack.pack(mine), 'KEEPTTL')
for at = 2, #KEYS do
  local state = unpacked(redis.call('GET', KEYS[at]))
  if state.r and all > 0 then
    for place = 2, #state.r, 3 do -- a slot that a hold threw away is not there any more
      state.r[place + 2] = math.min(state.r[place + 1], state.r[place + 2] + (open[state.r[place]] or 0))
    end
    redis.call('SET', KEYS[at], cmsgpack.pack(state), 'KEEPTTL')
  end
end
return { all }
