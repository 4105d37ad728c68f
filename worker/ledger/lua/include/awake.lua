-- How many batches wait in a lane, whether its workers are known to be busy, and how many requests are overdue.
-- include: batch

local function ready_of(lane) return lane == 0 and READY_URGENT or READY_BULK end

-- The score of a ready batch is the time at which it is hinted again, and ends in .5. A score that does not end so is that
-- of a batch that may not go before then. Returns the score up to which batches were handed out already.
local function handed_out(lane) return string.format('%.1f', now + (lane == 0 and HINT_AGAIN_URGENT or HINT_AGAIN_BULK)) end

local function waiting_in(lane) return redis.call('ZCOUNT', ready_of(lane), '-inf', handed_out(lane)) end

-- How many batches are left for workers that go on by themselves: up to the last one without a hint. Later batches have
-- hints of their own, which wake a worker.
local function left_in(lane)
  local last = redis.call('HGET', CTL, 'unhinted:' .. lane)
  return last and redis.call('ZCOUNT', ready_of(lane), '-inf', last) or 0
end

-- How many requests are probably over although their slots are taken: urgent ones without an answer for two seconds, others
-- past their lease. ARGV: of a claim.
local OVERDUE_MS = 2000

local function overdue()
  local after, kept = '(' .. string.format('%.0f', now), tonumber(ARGV[10])
  local late = string.format('%.0f', now + tonumber(ARGV[7]) + kept - OVERDUE_MS)
  local lost = string.format('%.0f', now + kept) -- its lease is over
  return redis.call('ZCOUNT', SLOTS_URGENT, after, late) + redis.call('ZCOUNT', SLOTS_BULK, after, lost)
end

-- The claim that took the last slot leaves a mark while its worker is certain to live: a worker that gets an answer
-- claims the next batch, so no hint is needed. The mark says how many slots are taken, and until when it is valid.
-- There is none while a request is overdue: its slot may end by time, which wakes nobody, and a code need not wait for it.
-- ARGV[13] is '' for a worker that does not go on by itself.
local AWAKE_MS = 300

local function note_awake(m, urgent, bulk, most)
  local is_full = urgent + bulk + 1 >= most or m[LANE] == 1 and bulk + 1 >= most - tonumber(ARGV[9])
  if ARGV[13] == '' or not is_full or overdue() > 0 then return end
  local taken = m[LANE] == 0 and urgent + bulk + 1 or bulk + 1
  redis.call('HSET', CTL, 'awake:' .. m[LANE], string.format('%.0f %.0f', taken, now + AWAKE_MS))
end
