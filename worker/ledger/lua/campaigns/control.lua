-- Close, pause, resume or cancel a campaign.
-- KEYS: 1 campaign, 2 held batches, 3 ready:bulk, 4 run, 5 its log, 6 the campaign that was begun in its place (itself if
--       there is none).
-- ARGV: 1 time or '', 2 'close'|'pause'|'resume'|'cancel', 3 why,
--       4 a budget in 1/10,000 that holds from now on (resume only), '' to keep what there is, 5 with a budget: what a
--       part is expected to cost, in 1/10,000, for a campaign that was begun without a price; '' for another, 6 by whom,
--       7 '' for a person, 'itself' for an automatic order, 8 what an automatic pause has found, in words,
--       9 id of the campaign in its place as it was seen or '' (resume only).
-- Returns {state, run, n} afterwards, {'short', least budget} if a resume could not send one batch more,
-- {'replaced', id} if a resume would send what the campaign in its place sends, {'moved'}, or {'gone'}; with these nothing
-- has changed. A pause takes effect at the next claim; batches that it holds come back on resume.
-- A person's pause takes the place of an automatic one, and an automatic resume ends only a pause for that very reason.
-- A cancel is this one write: the scheduler ends batches that are held or were never handed out.
-- include: run, budget, audit, place

local c = redis.call('HMGET', KEYS[1], 'state', 'closed', 'budget', 'why', 'replaced_by')
local state = c[1]
if not state then return { 'gone' } end
local verb = ARGV[2]
if ARGV[7] ~= '' and verb == 'resume' and (state ~= 'paused' or c[4] ~= ARGV[3]) then verb = '' end
local budget = tonumber(ARGV[4] ~= '' and ARGV[4] or c[3] or '0')

local may_go_on = state == 'paused' or state == 'running' or state == 'enrolling'
if verb == 'resume' and may_go_on and c[5] then
  if c[5] ~= ARGV[9] then return { 'moved' } end
  if has_place(redis.call('HMGET', KEYS[6], 'state', 'fed')) then return { 'replaced', c[5] } end
end
if verb == 'resume' and may_go_on and budget > 0 and (state == 'paused' or ARGV[4] ~= '') then
  local needed = least_next(KEYS[1], ARGV[5])
  if needed > budget then return { 'short', needed } end
end
redis.call('ZREM', KEYS[3], '') -- a first write that a full server allows

local is_taken_over = false
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
  is_taken_over = state == 'paused' and ARGV[7] == '' and c[4] ~= ARGV[3]
  if is_taken_over then redis.call('HSET', KEYS[1], 'why', ARGV[3], 'found', '') end
  if state == 'enrolling' or state == 'running' then
    state = 'paused'
    redis.call('HSET', KEYS[1], 'found', ARGV[8], 'paused_at', now)
  end
elseif verb == 'resume' then
  if may_go_on and ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'budget', ARGV[4]) end
  if may_go_on and ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'part_price', ARGV[5]) end
  if state == 'paused' then
    state = c[2] == '1' and 'running' or 'enrolling'
    if state == 'running' and nothing_left() then
      state = 'done'
      redis.call('HSET', KEYS[1], 'done_at', now)
    end
    redis.call('HSET', KEYS[1], 'found', '', 'resumed_at', now)
    redis.call('HDEL', KEYS[1], 'held_until')
    for _, ref in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('ZADD', KEYS[3], now, ref) end
    redis.call('DEL', KEYS[2])
  end
elseif verb == 'cancel' then
  if state ~= 'done' then
    state = 'cancelled'
    if nothing_left() then redis.call('HSETNX', KEYS[1], 'done_at', now) end
  end
end
redis.call('HSET', KEYS[1], 'state', state)
if verb ~= 'close' and state ~= c[1] then redis.call('HSET', KEYS[1], 'why', verb == 'resume' and '' or ARGV[3]) end -- the reason of a pause stays when the last row is in
local actual = run(KEYS[4])
local changes = state ~= c[1] and { 'state', c[1], state } or {}
if verb == 'resume' and may_go_on and ARGV[4] ~= '' and tonumber(ARGV[4]) ~= tonumber(c[3] or '0') then
  changes[#changes + 1] = 'budget'
  changes[#changes + 1] = c[3] and c[3] ~= '0' and tostring(c[3] / 10000) or ''
  changes[#changes + 1] = tostring(ARGV[4] / 10000)
end
if is_taken_over then changes = { 'paused by', 'itself', 'a person' } end
local reason = ARGV[8] ~= '' and ARGV[8] or ARGV[3]
if #changes > 0 or verb == 'close' and c[2] ~= '1' then note_in_log(KEYS[5], ARGV[6], verb, reason, changes) end
local is_new = state ~= c[1] or is_taken_over or verb == 'close' and c[2] ~= '1' or verb == 'resume' and may_go_on and ARGV[4] ~= ''
return { state, actual, redis.call('HINCRBY', KEYS[4], 'n:' .. actual, is_new and 1 or 0) }
