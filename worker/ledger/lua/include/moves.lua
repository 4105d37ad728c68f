-- How a batch moves from one state to another.
-- include: batch, lanes, totals

-- Change the batch's state; undecided messages are counted under the new state.
local function move(m, state, waiting)
  local from = m[STATE]
  m[STATE] = state
  if from == state then return end
  add_gauge(m, from, -1)
  add_gauge(m, state, 1)
  if UNDECIDED[from] then count(UNDECIDED[from], -waiting) end
  if UNDECIDED[state] then count(UNDECIDED[state], waiting) end
end

local function forget_motion()
  redis.call('ZREM', LEASES, ref)
  forget_doubt()
  redis.call('ZREM', BLIND, ref)
  redis.call('ZREM', PARKINGS, ref)
  redis.call('SREM', HELD, ref)
end

-- From here on we ask: with the next question in `ms`.
local function enter_doubt(m, rest, why, ms)
  forget_motion()
  redis.call('ZREM', ready_key(m), ref)
  move(m, DOUBTFUL, #rest)
  m[WHY], m[SINCE], m[ASKED] = why, now, 0
  m[OWNER], m[NONCE], m[LEASE] = '', '', 0
  redis.call('ZADD', doubts_key(m), now + ms, ref)
  if #rest == m[COUNT] and m[CHANNEL] ~= SIMULATED then redis.call('ZADD', BLIND, now, ref) end
end
