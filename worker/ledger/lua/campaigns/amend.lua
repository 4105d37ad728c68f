-- Change what a campaign goes by, while it runs or is paused.
-- KEYS: 1 campaign, 2 run, 3 its log.  ARGV: 1 time or '', 2 what a part is expected to cost, in 1/10,000, for a
--       campaign that was begun without a price and gets a budget, '' for another, 3 by whom, 4.. fields and values:
--       name, rate, window, budget, weight, stop_if_bad, auto_resume.
-- Returns {state, run, n, value before of each field}, {'over', state} for a campaign of which nothing more leaves and
-- that is to get more than a name, {'short', least budget} if the budget lets no further batch go, or {'gone'}; with
-- these three nothing has changed. A new rate holds from the next claim on.
-- include: run, budget, pace, audit

local state = redis.call('HGET', KEYS[1], 'state')
if not state then return { 'gone' } end
local before, changed, changes = {}, {}, {}
for at = 4, #ARGV, 2 do
  local field, value = ARGV[at], ARGV[at + 1]
  local known = redis.call('HGET', KEYS[1], field) or ''
  local is_number = field == 'rate' or field == 'budget' or field == 'weight'
  local is_same = known == value or is_number and tonumber(known) == tonumber(value)
  before[#before + 1] = is_same and value or known
  if (state == 'done' or state == 'cancelled') and field ~= 'name' then return { 'over', state } end
  if not is_same then
    changed[field] = value
    local unit = field == 'budget' and 10000 or 1
    is_number = is_number or field == 'stop_if_bad'
    changes[#changes + 1] = field
    for _, said in ipairs({ known, value }) do
      local number = is_number and tonumber(said)
      changes[#changes + 1] = number and (number == 0 and '' or tostring(number / unit)) or said
    end
  end
end
if changed.budget and tonumber(changed.budget) > 0 then
  local least = least_next(KEYS[1], ARGV[2])
  if least > tonumber(changed.budget) then return { 'short', least } end
end
redis.call('HDEL', KEYS[1], '') -- a first write that a full server allows

if changed.rate then
  local rate = tonumber(changed.rate)
  if rate > 0 then
    change_rate(KEYS[1], 'tokens', 'tokens_at', tonumber(redis.call('HGET', KEYS[1], 'rate') or '0'), rate)
  end
end
for field, value in pairs(changed) do redis.call('HSET', KEYS[1], field, value) end
if changed.budget and ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'part_price', ARGV[2]) end
if changed.rate or changed.window then redis.call('HDEL', KEYS[1], 'held_until') end
if #changes > 0 then note_in_log(KEYS[3], ARGV[3], 'set', '', changes) end
local actual = run(KEYS[2])
return { state, actual, redis.call('HINCRBY', KEYS[2], 'n:' .. actual, next(changed) and 1 or 0), unpack(before) }
