-- Trusted absence: what becomes of messages that no open id can hold.
-- include: batch, lanes, sets, moves, proofs, campaign, settled, verdicts, doubts

local function park(m, rest, why)
  count_doubt(m, 'parked')
  forget_doubt()
  redis.call('ZREM', BLIND, ref)
  redis.call('ZADD', PARKINGS, now, ref)
  move(m, PARKED, #rest)
  m[WHY] = why
  finish_campaign()
  redis.call('ZADD', WATCH, now + 3600000, ref)
end

-- Did the gateway not show any undecided message, under any open id that may hold it? `gone`: by id, what it did not show.
local function are_missing(m, rest, gone)
  for _, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN then
      for _, index in ipairs(rest) do
        local may_be_there = not (gone[id[GID]] and gone[id[GID]][index])
        if may_be_there and holds(id[MEMBERS], index) and not marked(id[ABSENTS], index) then return false end
      end
    end
  end
  return true
end

-- Is an id absent for every message it carried? Messages that another id decided were not asked about.
local function is_absent(m, id)
  for index = 0, m[COUNT] - 1 do
    if holds(id[MEMBERS], index) and not marked(id[ABSENTS], index) then return false end
  end
  return true
end

-- The doubt is over, since no open id can hold any undecided message: decide about these. A batch of one goes again at
-- the earliest `guard` ms after its newest claim: sooner the gateway may refuse it as a duplicate.
-- Returns {state name, why}.
local function end_doubt(m, blob, rest, guard)
  for place, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN then
      if is_proved(m, blob, place) then
        id[ID_STATE] = ACCEPTED_ID
      elseif is_absent(m, id) then
        id[ID_STATE] = ABSENT
      end
    end
  end
  redis.call('ZADD', WATCH, now + 3600000, ref)
  if not SINGLE and redis.call('HGET', CAMPAIGN_KEY, 'state') == 'cancelled' then
    count_doubt(m, 'cancelled')
    settle_batch(m, decide_rest(m, blob, CANCELLED, 0), 0)
    return { 'settled', 'cancelled' }
  end
  -- A code is not sent again by itself: its person has asked for another by now, or gets it by another channel.
  local is_code = m[POLICY] == ASK and redis.call('HEXISTS', SHARD, number .. 'c') == 1
  if is_code or m[DEADLINE] > 0 and now >= m[DEADLINE] then
    count_doubt(m, 'late')
    settle_batch(m, decide_rest(m, blob, LATE, 0), 0)
    return { 'settled', 'late' }
  end
  local why = m[POLICY] == PARK and 'policy' or m[DEATHS] >= POISON_DEATHS and 'poison'
    or #m[IDS] >= MOST_IDS and 'too many attempts'
  if why then
    park(m, rest, why)
    return { 'parked', why }
  end
  count_doubt(m, 'ready')
  forget_motion()
  move(m, READY, #rest)
  m[WHY] = ''
  local newest = m[IDS][#m[IDS]]
  local soonest = m[COUNT] == 1 and newest and newest[CLAIMED_AT] + guard or now
  redis.call('ZADD', ready_key(m), math.max(now, soonest), ref)
  return { 'ready', '' }
end
