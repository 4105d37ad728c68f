-- Hand out the next batches of a campaign.
-- KEYS: 1 campaign, 2 its batches, 3 ready:bulk, 4 run, 5 ctl, 6 blind, 7 slots:bulk, 8.. lists of its zones that are
--       open, if it has zones, the one that closes first before the others.
-- ARGV: 1 time or '', 2 id, 3 how many at most, 4 ms until they are hinted again, 5 how many blind doubts stop the feed,
--       6.. the places of those zones in its table.
-- Returns {'fed', '1' if a hint would wake nobody or '', reference, ...} or {'waits', why}. Afterwards the cursor is behind what was handed out.
-- include: hints, zones

local c = redis.call('HMGET', KEYS[1], 'state', 'fed', 'batches', 'start_at', 'rate', 'tokens', 'tokens_at',
  'parts', 'zone_left', 'every')
if not c[1] then return { 'waits', 'gone' } end
if c[1] ~= 'running' and c[1] ~= 'enrolling' then return { 'waits', c[1] } end
if c[10] and c[10] ~= '' then return { 'waits', 'recurs' } end -- its occurrences are campaigns of their own
local fed, batches = tonumber(c[2]), tonumber(c[3])
if fed >= batches then return { 'waits', 'all handed out' } end
if c[4] and tonumber(c[4]) > now then return { 'waits', 'scheduled' } end
if redis.call('ZCARD', KEYS[6]) > tonumber(ARGV[5]) then return { 'waits', 'doubts' } end
local ctl = redis.call('HMGET', KEYS[5], 'fell', 'no_money', 'quiet_until')
if ctl[1] then return { 'waits', 'fell' } end
if ctl[2] then return { 'waits', 'money' } end
if ctl[3] and tonumber(ctl[3]) > now then return { 'waits', 'quiet' } end
local many = math.min(tonumber(ARGV[3]), batches - fed)
local rate = tonumber(c[5] or '0')
if rate > 0 then -- no more than its own rate lets go soon, so that the window is free for others
  local tokens = math.min(rate, tonumber(c[6] or rate) + (now - tonumber(c[7] or now)) * rate / 1000)
  if tokens <= 0 then return { 'waits', 'rate' } end
  many = math.min(many, math.ceil(tokens * batches / math.max(1, tonumber(c[8]))))
end
local packed
if c[9] then
  local left, some = c[9], {}
  for place = 8, #KEYS do
    local zone, wanted = tonumber(ARGV[place - 2]), many - #table.concat(some) / 4
    local waiting = waiting_of(left, zone)
    local few = math.min(wanted, waiting)
    if few > 0 then
      local from = redis.call('STRLEN', KEYS[place]) - waiting * 4
      some[#some + 1] = redis.call('GETRANGE', KEYS[place], from, from + few * 4 - 1)
      left = with_waiting(left, zone, waiting - few)
    end
  end
  packed = table.concat(some)
  many = #packed / 4
  if many == 0 then return { 'waits', 'closed' } end
  redis.call('HSET', KEYS[1], 'zone_left', left)
else
  packed = redis.call('GETRANGE', KEYS[2], fed * 4, (fed + many) * 4 - 1)
end
local mark, idle = redis.call('HGET', KEYS[5], 'awake:1'), false
if mark then
  idle = is_hint_idle(mark, redis.call('ZCOUNT', KEYS[7], '(' .. string.format('%.0f', now), '+inf'),
    redis.call('ZCOUNT', KEYS[3], '-inf', string.format('%.1f', now + tonumber(ARGV[4]))))
end
local reply = { 'fed', idle and '1' or '' }
for place = 0, many - 1 do
  local ref = string.format('%.0f@%s', struct.unpack('>I4', packed, place * 4 + 1), ARGV[2])
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[4]), ref)
  reply[place + 3] = ref
end
if idle then redis.call('HSET', KEYS[5], 'unhinted:1', string.format('%.1f', now + tonumber(ARGV[4]))) end
redis.call('HSET', KEYS[1], 'fed', fed + many)
return reply
