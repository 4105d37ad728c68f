-- A batch: its keys, its meta, and what to do if it does not exist.
-- KEYS: as `Keys.batch_verb` lists them.  ARGV[2]: the batch number.  ARGV[3]: the batch's written reference.

local SHARD, CAMPAIGN_KEY, HELD, READY_URGENT, READY_BULK, LEASES, DOUBTS, BLIND, PARKINGS, ASKS, WATCH, ENDED,
  SLOTS_URGENT, SLOTS_BULK, OWNERS, IDS_KEY, N_GID, N_BATCH, RUN, CTL, TOTALS, CONTROL, BUCKET, STUBS,
  BELL_SLOTS_URGENT, BELL_SLOTS_BULK, CASCADE, DOUBT_URGENT, ASKS_URGENT
local number, ref, SINGLE

local function begin_batch()
  SHARD, CAMPAIGN_KEY, HELD, READY_URGENT, READY_BULK, LEASES, DOUBTS, BLIND, PARKINGS, ASKS, WATCH, ENDED,
    SLOTS_URGENT, SLOTS_BULK, OWNERS, IDS_KEY, N_GID, N_BATCH, RUN, CTL, TOTALS, CONTROL, BUCKET, STUBS,
    BELL_SLOTS_URGENT, BELL_SLOTS_BULK, CASCADE, DOUBT_URGENT, ASKS_URGENT = unpack(KEYS)
  number, ref = ARGV[2], ARGV[3]
  SINGLE = string.find(ref, '@', 1, true) == nil
end

local function load_batch()
  local raw = redis.call('HGET', SHARD, number .. 'm')
  return raw and cmsgpack.unpack(raw) or nil
end

local function save_batch(m)
  redis.call('HSET', SHARD, number .. 'm', cmsgpack.pack(m))
end

-- A batch that never existed is an alarm and creates no key; a purged one is ignored. Both leave all sets.
local function unknown_batch()
  for _, set in ipairs({ READY_URGENT, READY_BULK, LEASES, DOUBTS, DOUBT_URGENT, BLIND, PARKINGS, ASKS, ASKS_URGENT, WATCH,
    ENDED }) do
    redis.call('ZREM', set, ref)
  end
  redis.call('SREM', HELD, ref)
  if tonumber(number) > tonumber(redis.call('GET', N_BATCH) or '0') then
    redis.call('HINCRBY', TOTALS, 'alarm:unknown-batch', 1)
    return { 'never' }
  end
  return { 'gone' }
end

-- A pending batch is stored short; the other places are added by the first claim.
local function in_motion(m)
  if not m[KEY] then
    local blank = { [OPTIONS] = '', [OWNER] = '', [NONCE] = '', [LEASE] = 0, [IDS] = {}, [WHY] = '', [RESENT] = 0,
      [SOLO] = 0, [SINCE] = 0, [ASKED] = 0, [KEY] = '' }
    for place = OPTIONS, KEY do
      if m[place] == nil then m[place] = blank[place] end
    end
  end
  return m
end
