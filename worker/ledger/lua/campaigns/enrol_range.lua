-- Enrol the next range of a campaign's rows, if the cursor is right before it.
-- KEYS: 1 campaign, 2 its batches, 3 its rejects, 4 run, 5 ctl, 6 totals, 7 n:batch, 8 its batches with a moment,
--       9.. the list of each zone, then the hash of each batch.
-- ARGV: 1 time or '', 2 range number (from 1), 3 number of the first batch, 4 rows the file has had so far, 5 how
--       many rejects, 6 how many rows stay behind, 7 those, packed, 8 the names of its zones, one a line, '' without
--       any, 9 how many, 10.. rejects as row and record, then batches as meta, recipients, texts, rows, words of the
--       rows, place of the zone and moment in ms or ''.
-- Returns {'in', run, n}, {'again', next range, run, n}, {'halted', why}, {'closed'}, {'overtaken', by}, {'renumber'}
--   {'zones'} if its zones are others, or {'gone'}.
-- include: run, zones

local c = redis.call('HMGET', KEYS[1], 'state', 'ranges', 'closed', 'overtaken', 'zones', 'zone_left', 'moment', 'batches')
if not c[1] then return { 'gone' } end
if tonumber(c[2]) + 1 ~= tonumber(ARGV[2]) then
  local actual = run(KEYS[4])
  return { 'again', tonumber(c[2]) + 1, actual, tonumber(redis.call('HGET', KEYS[4], 'n:' .. actual) or '0') }
end
if c[3] == '1' or c[1] == 'cancelled' then return { 'closed', c[1] } end
if c[4] then return { 'overtaken', c[4] } end
local zones, known = ARGV[8], c[5] or ''
if string.sub(zones .. '\n', 1, #known + 1) ~= known .. '\n' and known ~= '' then
  if string.sub(known .. '\n', 1, #zones + 1) ~= zones .. '\n' then return { 'zones' } end
  zones = known
end
-- Batches that have no zone would lie in none of the lists, and never be handed out.
if known == '' and zones ~= '' and tonumber(c[8] or '0') > 0 then return { 'zones' } end
local actual = run(KEYS[4])
if redis.call('HEXISTS', KEYS[5], 'fell') == 1 then return { 'halted', 'fell' } end
if redis.call('HGET', KEYS[4], 'current') ~= actual then return { 'halted', 'run' } end

local first_hash = 9 + tonumber(ARGV[9])
local first, batches = tonumber(ARGV[3]), #KEYS - first_hash + 1
if first + batches - 1 > tonumber(redis.call('GET', KEYS[7]) or '0') then return { 'renumber' } end
for place = 0, batches - 1 do
  if redis.call('HEXISTS', KEYS[first_hash + place], string.format('%.0f', first + place) .. 'm') == 1 then
    return { 'renumber' }
  end
end

local rejects = tonumber(ARGV[5])
local at = 10
local by_status = {}
if ARGV[6] ~= '0' then
  redis.call('HSET', KEYS[3], '+' .. ARGV[2], ARGV[7])
  by_status.duplicate = tonumber(ARGV[6])
end
for _ = 1, rejects do
  redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1])
  local status = string.match(ARGV[at + 1], '^(%a+)')
  by_status[status] = (by_status[status] or 0) + 1
  at = at + 2
end
local messages, parts, numbers, by_zone = 0, 0, {}, {}
local moment = tonumber(c[7] or '')
for place = 0, batches - 1 do
  local number = string.format('%.0f', first + place)
  local m = cmsgpack.unpack(ARGV[at])
  messages, parts = messages + m[COUNT], parts + m[PARTS]
  local key = KEYS[first_hash + place]
  redis.call('HSET', key, number .. 'm', ARGV[at], number .. 'p', ARGV[at + 1])
  if ARGV[at + 2] ~= '' then redis.call('HSET', key, number .. 't', ARGV[at + 2]) end
  if ARGV[at + 3] ~= '' then redis.call('HSET', key, number .. 'w', ARGV[at + 3]) end
  numbers[place + 1] = struct.pack('>I4', first + place)
  if ARGV[at + 4] ~= '' then redis.call('HSET', key, number .. 'l', ARGV[at + 4]) end
  if zones ~= '' then
    local zone, when = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
    redis.call('HSET', key, number .. 'z', zone)
    if when then
      redis.call('ZADD', KEYS[8], when, number .. '/' .. string.format('%d', zone))
      moment = math.min(moment or when, when)
    else
      by_zone[zone] = (by_zone[zone] or '') .. numbers[place + 1]
    end
  end
  at = at + 7
end
if batches > 0 then
  redis.call('APPEND', KEYS[2], table.concat(numbers))
  redis.call('HINCRBY', KEYS[6], 'batches:bulk:' .. READY, batches)
end
if zones ~= '' then
  local left = add_to_zones(c[6] or '', function(zone) return KEYS[9 + zone] end, by_zone)
  redis.call('HSET', KEYS[1], 'zones', zones, 'zone_left', left, 'moment', moment and string.format('%.0f', moment) or '')
end
redis.call('HSET', KEYS[1], 'ranges', ARGV[2], 'rows', ARGV[4], 'ranged_at', now)
redis.call('HINCRBY', KEYS[1], 'batches', batches)
redis.call('HINCRBY', KEYS[1], 'parts', parts)
if messages > 0 then redis.call('HINCRBY', KEYS[1], 's:queued', messages) end
local left_out = (by_status.optout or 0) + (by_status.blocked or 0)
if left_out > 0 then redis.call('HINCRBY', KEYS[1], 'left_out', left_out) end
for status, many in pairs(by_status) do redis.call('HINCRBY', KEYS[1], 's:' .. status, many) end
return { 'in', actual, redis.call('HINCRBY', KEYS[4], 'n:' .. actual, 1) }
