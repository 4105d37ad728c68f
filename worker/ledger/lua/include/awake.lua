-- What waits in a lane, and whether its workers are known to be at it.
-- KEYS[31]: the mark of a lane whose slots are all taken, with how many those are.
-- include: lanes

local function ready_of(lane) return lane == 0 and READY_URGENT or READY_BULK end

-- What is ready has the time at which it is hinted again for a score, with a half behind it. A time without a half is
-- that of a batch which may not go before. Returns until when those that were handed out already are hinted again.
local function handed_out(lane) return string.format('%.1f', now + (lane == 0 and HINT_AGAIN_URGENT or HINT_AGAIN_BULK)) end

local function left_in(lane) return redis.call('ZCOUNT', ready_of(lane), '-inf', handed_out(lane)) end

-- The claim that took the last slot leaves a mark for as long as nobody need doubt that its worker lives: who has an answer
-- claims the next batch, so that a hint would wake nobody. ARGV[15] is '' for a worker that does not.
local AWAKE_MS, MANY = 300, 4

local function note_awake(m, urgent, bulk, most)
  if ARGV[15] == '' or ARGV[15] == nil then return end
  local is_full = urgent + bulk + 1 >= most
  if m[LANE] == 1 then
    if is_full or bulk + 1 >= most - tonumber(ARGV[9]) then redis.call('SET', KEYS[31], bulk + 1, 'PX', AWAKE_MS) end
  elseif is_full then
    redis.call('SET', KEYS[31], urgent + bulk + 1, 'PX', AWAKE_MS)
  end
end

-- A hint is left out only while as many as the mark says are still being sent, and a few others wait already: whoever
-- waits for a slot, hinted for those, takes whatever is next.
local function is_awake(m, mark)
  if not mark then return false end
  local after = '(' .. string.format('%.0f', now)
  local taken = redis.call('ZCOUNT', SLOTS_BULK, after, '+inf')
  if m[LANE] == 0 then taken = taken + redis.call('ZCOUNT', SLOTS_URGENT, after, '+inf') end
  return taken >= tonumber(mark) and left_in(m[LANE]) > MANY
end
