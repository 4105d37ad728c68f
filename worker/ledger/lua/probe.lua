-- What asking about a doubtful batch showed: absences, and when to ask next.
-- ARGV: 4 asked at (Redis ms, taken before the ask), 5 ms the asker has known the newest attempt (its own monotonic
--       clock), 6 window ms, 7 peer close + latest arrival ms, 8 mirrors asked with a well-formed answer and a found
--       control, as 'mirror' tokens joined by space, 9 when that control was accepted (ms, the oldest of them; 0 for
--       none), 10 '1' where another mirror could be asked and was not, 11 ms until the next ask, 12 ms of patience,
--       13 ms of patience without any control, 14.. pairs: gateway id, absent phones' indices joined by comma.
-- Returns {state name, why}; absence is recorded only while the run is in force, and only if it may be trusted.

redis.call('ZREM', LEASES, ref .. '/')
local m = load_batch()
if not m then
  redis.call('ZREM', DOUBTS, ref)
  return unknown_batch()
end
in_motion(m)
if m[STATE] ~= DOUBTFUL then
  redis.call('ZREM', DOUBTS, ref)
  return { 'elsewhere' }
end
m[ASKED] = m[ASKED] + 1
-- It is never sent again: what it said may go before its fate is known.
if m[LANE] == 0 and m[DEADLINE] > 0 and now >= m[DEADLINE] then redis.call('HDEL', SHARD, number .. 't') end
local blob = load_receipts(m)
local rest = undecided(m, blob)
local asked_at, known_ms, window = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local control_at, arrival = tonumber(ARGV[9]), tonumber(ARGV[7])
local newest = m[IDS][#m[IDS]]
local topped_up = tonumber(redis.call('HGET', CTL, 'topped_up_at') or '0')
local started = newest[CLAIMED_AT]
if newest[MONEY] == 1 then started = math.max(started, topped_up) end
if control_at <= started + arrival then window = window * 2 end

local carried = string.find(' ' .. ARGV[8] .. ' ', ' ' .. newest[MIRROR] .. ' ', 1, true) ~= nil
local trusted = in_force() and carried and control_at > 0 and ARGV[10] ~= '1' and asked_at >= started + window
  and known_ms >= window and not (newest[MONEY] == 1 and redis.call('HEXISTS', CTL, 'no_money') == 1)

if trusted then
  for at = 14, #ARGV, 2 do
    local id = find_id(m, tonumber(ARGV[at]))
    if id and id[ID_STATE] == OPEN then
      local gone = {}
      for index in string.gmatch(ARGV[at + 1], '%d+') do gone[tonumber(index)] = true end
      local absent = {}
      for index = 0, m[COUNT] - 1 do
        local before = id[ABSENTS] ~= '' and holds(id[ABSENTS], index)
        if before or gone[index] then absent[#absent + 1] = index end
      end
      id[ABSENTS] = '/' .. string.rep('0', m[COUNT])
      if #absent == m[COUNT] then
        id[ABSENTS] = '/' .. string.rep('1', m[COUNT])
      elseif #absent > 0 then
        id[ABSENTS] = set_of(m, absent)
      end
    end
  end
end

if #rest > 0 and in_force() and not has_open_id(m, rest) then
  local ended = end_doubt(m, blob, rest)
  save_batch(m)
  return ended
end
local limit = control_at == 0 and redis.call('HEXISTS', CONTROL, 'young') == 0 and tonumber(ARGV[13])
  or tonumber(ARGV[12])
if now - m[SINCE] >= limit then
  park(m, rest, 'undecided')
  save_batch(m)
  return { 'parked', 'undecided' }
end
redis.call('ZADD', DOUBTS, now + tonumber(ARGV[11]), ref)
save_batch(m)
return { 'doubtful', '' }
