-- A person's hand on a campaign.
-- KEYS: 1 campaign, 2 held batches, 3 ready:bulk, 4 run.  ARGV: 1 time or '', 2 'close'|'pause'|'resume'|'cancel', 3 why.
-- Returns {state, run, n} afterwards, or {'gone'}. Pause takes hold at the next claim; what is held comes back on resume.

local c = redis.call('HMGET', KEYS[1], 'state', 'closed')
local state = c[1]
if not state then return { 'gone' } end
local verb = ARGV[2]
redis.call('ZREM', KEYS[3], '') -- a first write that a full server allows

local function let_go()
  for _, ref in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('ZADD', KEYS[3], now, ref) end
  redis.call('DEL', KEYS[2])
end

local function nothing_left()
  local left = redis.call('HMGET', KEYS[1], 's:queued', 's:sending', 's:doubtful', 's:accepted')
  for place = 1, 4 do
    if left[place] and left[place] ~= '0' then return false end
  end
  return true
end

if verb == 'close' then
  redis.call('HSET', KEYS[1], 'closed', 1)
  if state == 'enrolling' then state = 'running' end
  if state == 'running' and nothing_left() then
    state = 'done'
    redis.call('HSET', KEYS[1], 'done_at', now)
  end
elseif verb == 'pause' then
  if state == 'enrolling' or state == 'running' then state = 'paused' end
elseif verb == 'resume' then
  if state == 'paused' then
    state = c[2] == '1' and 'running' or 'enrolling'
    if state == 'running' and nothing_left() then
      state = 'done'
      redis.call('HSET', KEYS[1], 'done_at', now)
    end
    let_go()
  end
elseif verb == 'cancel' then
  if state ~= 'done' then
    state = 'cancelled'
    let_go()
    if nothing_left() then redis.call('HSETNX', KEYS[1], 'done_at', now) end
  end
end
redis.call('HSET', KEYS[1], 'state', state)
if verb ~= 'close' and state ~= c[1] then redis.call('HSET', KEYS[1], 'why', ARGV[3]) end -- why it is paused outlives the last row
local actual = run(KEYS[4])
local is_new = state ~= c[1] or verb == 'close' and c[2] ~= '1'
return { state, actual, redis.call('HINCRBY', KEYS[4], 'n:' .. actual, is_new and 1 or 0) }
