-- Change how a campaign is to be sent that has not begun: its moment, name, rate, window, budget.
-- KEYS: 1 campaign, 2 its log, 3 run.  ARGV: 1 time or '', 2 by whom, 3.. field, new value, what it is divided by for
--       the log ('' for text).
-- Returns {'edited', run, n}, {'begun', state, batches handed out} or {'gone'}; with these two nothing has changed.
-- Repeating it changes nothing and notes nothing.
-- include: run, audit

local c = redis.call('HMGET', KEYS[1], 'state', 'fed')
if not c[1] then return { 'gone' } end
if c[2] ~= '0' or c[1] == 'done' or c[1] == 'cancelled' then return { 'begun', c[1], c[2] } end

local function said(value, unit)
  if not value or value == '' or unit ~= '' and tonumber(value) == 0 then return '' end
  return unit == '' and value or tostring(tonumber(value) / tonumber(unit))
end

local changes = {}
for at = 3, #ARGV, 3 do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  local old, new = said(before, ARGV[at + 2]), said(ARGV[at + 1], ARGV[at + 2])
  if old ~= new then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
    for _, each in ipairs({ ARGV[at], old, new }) do changes[#changes + 1] = each end
  end
end
if #changes > 0 then note_in_log(KEYS[2], ARGV[2], 'edit', '', changes) end
local actual = run(KEYS[3])
return { 'edited', actual, redis.call('HINCRBY', KEYS[3], 'n:' .. actual, #changes > 0 and 1 or 0) }
