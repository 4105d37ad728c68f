-- The sets that a batch is in, by its lane.
-- include: batch

local function ready_key(m) return m[LANE] == 0 and READY_URGENT or READY_BULK end
local function slots_key(m) return m[LANE] == 0 and SLOTS_URGENT or SLOTS_BULK end

-- Questions about codes have sets of their own, so that they do not wait behind campaigns.
local function doubts_key(m) return m[LANE] == 0 and DOUBT_URGENT or DOUBTS end

local function asks_key(m) return m[LANE] == 0 and ASKS_URGENT or ASKS end

-- From both: an earlier version put all of them into one.
local function forget_doubt()
  redis.call('ZREM', DOUBTS, ref)
  redis.call('ZREM', DOUBT_URGENT, ref)
end

local function forget_asks()
  redis.call('ZREM', ASKS, ref)
  redis.call('ZREM', ASKS_URGENT, ref)
end
