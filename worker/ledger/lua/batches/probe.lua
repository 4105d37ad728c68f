-- Record what the questions about a doubtful batch showed: absences, and when to ask next.
-- ARGV: 4 asked at (Redis ms, taken before the ask), 5 ms the asker has known the newest attempt (its own monotonic
--       clock), 6 window ms, 7 peer close + latest arrival ms, 8 mirrors asked with a well-formed answer and a found
--       control, as 'mirror' tokens joined by space, 9 when that control was accepted (ms, the oldest of them; 0 for
--       none), 10 '1' if another mirror could be asked and was not, 11 ms until the next ask, 12 ms of patience,
--       13 ms of patience without any control, 14 gateway ids that were asked about just now and not shown, joined by
--       space, 15 ms after the newest claim from which a batch of one may leave again,
--       16 '1' if the newest attempt is shown as one that the account had no money for,
--       17.. pairs: gateway id, absent phones' indices joined by comma.
-- Returns {state name, why}; absence is recorded only while the run is in force, and only if it may be trusted. Of what
-- left as a letter it never is: if the newest attempt was one and nothing of the batch is shown, a person decides.
-- The only way back to `ready` while an id is open is the policy `resend`: once, marked as such, before the deadline.
-- include: batch, force, lanes, receipts, sets, moves, ids, letters, doubts, absence

redis.call('ZREM', LEASES, ref .. '/')
local m = load_batch()
if not m then
  forget_doubt()
  return unknown_batch()
end
in_motion(m)
if m[STATE] ~= DOUBTFUL then
  forget_doubt()
  return { 'elsewhere' }
end
m[ASKED] = m[ASKED] + 1
-- It is never sent again, so its text may be removed before its fate is known.
if m[LANE] == 0 and m[DEADLINE] > 0 and now >= m[DEADLINE] then redis.call('HDEL', SHARD, number .. 't') end
local blob = load_receipts(m)
local rest = undecided(m, blob)
local asked_at, known_ms, window = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local control_at, arrival = tonumber(ARGV[9]), tonumber(ARGV[7])
local newest = m[IDS][#m[IDS]]
if ARGV[16] == '1' and newest[MONEY] ~= 1 then -- the answer that said so was lost: it waits for a top-up too
  newest[MONEY] = 1
  redis.call('HSETNX', CTL, 'no_money', now)
end
local topped_up = tonumber(redis.call('HGET', CTL, 'topped_up_at') or '0')
local started = newest[CLAIMED_AT]
if newest[MONEY] == 1 then started = math.max(started, topped_up) end
if control_at <= started + arrival then window = window * 2 end

local held_back = may_be_held_back(newest) -- no mirror that can be asked carried it
local carried = held_back or string.find(' ' .. ARGV[8] .. ' ', ' ' .. newest[MIRROR] .. ' ', 1, true) ~= nil
local conclusive = in_force() and carried and control_at > 0 and ARGV[10] ~= '1' and asked_at >= started + window
  and known_ms >= window and not (newest[MONEY] == 1 and redis.call('HEXISTS', CTL, 'no_money') == 1)

local gone = {}
for at = 17, #ARGV, 2 do
  local indices = {}
  for index in string.gmatch(ARGV[at + 1], '%d+') do indices[tonumber(index)] = true end
  gone[tonumber(ARGV[at])] = indices
end
if conclusive and not held_back then
  for gid, indices in pairs(gone) do
    local id = find_id(m, gid)
    if id and id[ID_STATE] == OPEN and not may_be_held_back(id) then
      local absent = {}
      for index = 0, m[COUNT] - 1 do
        local before = id[ABSENTS] ~= '' and holds(id[ABSENTS], index)
        if before or indices[index] then absent[#absent + 1] = index end
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
  local ended = end_doubt(m, blob, rest, tonumber(ARGV[15]))
  save_batch(m)
  return ended
end
-- Its sender accepts a second copy: of a message that was asked about and not shown, while one id is open.
local function may_be_sent_again()
  if m[POLICY] ~= RESEND or m[RESENT] ~= 0 or #rest == 0 or not in_force() then return false end
  if now >= m[DEADLINE] or now < newest[CLAIMED_AT] + tonumber(ARGV[15]) then return false end
  if m[DEATHS] >= POISON_DEATHS or #m[IDS] >= MOST_IDS or redis.call('HEXISTS', CTL, 'no_money') == 1 then return false end
  local open = 0
  for _, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN then
      open = open + 1
      if not string.find(' ' .. ARGV[14] .. ' ', string.format(' %.0f ', id[GID]), 1, true) then return false end
    end
  end
  return open == 1
end

if may_be_sent_again() then
  count_doubt(m, 'resent')
  forget_motion()
  move(m, READY, #rest)
  m[WHY], m[RESENT] = 'resent', BY_SENDER
  redis.call('HINCRBY', TOTALS, 'resends:sender', 1)
  redis.call('ZADD', ready_key(m), now, ref)
  save_batch(m)
  return { 'ready', 'resent' }
end
if conclusive and #rest > 0 and are_missing(m, rest, gone) then
  park(m, rest, 'held back')
  save_batch(m)
  return { 'parked', 'held back' }
end
local limit = control_at == 0 and redis.call('HEXISTS', CONTROL, 'young') == 0 and tonumber(ARGV[13])
  or tonumber(ARGV[12])
if now - m[SINCE] >= limit then
  park(m, rest, 'undecided')
  save_batch(m)
  return { 'parked', 'undecided' }
end
forget_doubt()
redis.call('ZADD', doubts_key(m), now + tonumber(ARGV[11]), ref)
save_batch(m)
return { 'doubtful', '' }
