-- Write down what a screening of a ready batch found: messages that may not be sent leave it.
-- KEYS: of the batch; if there is a cap, then what was counted today and on the six days before.
-- ARGV: 4 the number of the list by which it was screened, 5 for each message the status it is to end with as a
--       digit pair, or '00'; '' if all may be sent; with a cap: 6 most in a day, 7 most in a week, 0 for no limit,
--       8 ms for which a day is kept, 9.. each message's recipient.
-- Returns {'screened', messages that ended}, {'taken'} if the batch is not ready, {'halted'} while the run is not in
-- force, {'never'} or {'gone'}. Afterwards: the claim asks for no screening until the list changes again. A message that
-- may have been accepted under an open id gets no verdict of ours: if it is one of those that were found, the batch is
-- doubtful, and is screened again once absence is trusted.
-- include: batch, force, receipts, moves, ids, stubs, settled, verdicts

local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
if m[STATE] ~= READY then return { 'taken' } end
if not in_force() then return { 'halted' } end
local blob = load_receipts(m)
local rest = undecided(m, blob)
if takes_stub(m, rest) then return { 'taken' } end
local by_status, flying, many = {}, {}, 0
for _, index in ipairs(rest) do
  local status = tonumber(string.sub(ARGV[5], index * 2 + 1, index * 2 + 2) or '') or 0
  if status > 0 then
    if has_open_id(m, { index }) then
      flying[#flying + 1] = index
    else
      by_status[status] = by_status[status] or {}
      table.insert(by_status[status], index)
      many = many + 1
    end
  end
end

-- Count each message that may be sent, once; above the cap it is not sent. All or none: the first write is the mark.
local FIRST_DAY, DAYS = 30, 7
local function counted_of(name)
  local today, week = 0, 0
  for back = 0, DAYS - 1 do
    local some = tonumber(redis.call('HGET', KEYS[FIRST_DAY + back], name) or '0')
    if back == 0 then today = some end
    week = week + some
  end
  return today, week
end

if #flying == 0 and ARGV[6] and redis.call('HSETNX', SHARD, number .. 'q', '1') == 1 then
  local most, most_week = tonumber(ARGV[6]), tonumber(ARGV[7])
  for _, index in ipairs(rest) do
    if (tonumber(string.sub(ARGV[5], index * 2 + 1, index * 2 + 2) or '') or 0) == 0 and not has_open_id(m, { index }) then
      local name = ARGV[9 + index]
      local today, week = counted_of(name)
      if most > 0 and today >= most or most_week > 0 and week >= most_week then
        by_status[CAPPED] = by_status[CAPPED] or {}
        table.insert(by_status[CAPPED], index)
        many = many + 1
      else
        redis.call('HINCRBY', KEYS[FIRST_DAY], name, 1)
      end
    end
  end
  redis.call('PEXPIRE', KEYS[FIRST_DAY], ARGV[8])
end
for status, indices in pairs(by_status) do blob = decide(m, blob, indices, status, 0) end
if #flying > 0 then
  enter_doubt(m, undecided(m, blob), 'optout', 1000)
  save_batch(m)
  return { 'screened', many }
end
redis.call('HSET', SHARD, number .. 'v', ARGV[4])
if many == #rest then
  settle_batch(m, blob, 0)
  save_batch(m)
end
return { 'screened', many }
