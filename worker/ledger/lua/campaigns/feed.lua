-- Hand out the next batches of a campaign: first those that came back to it since they were paced, then the next rows.
-- KEYS: 1 campaign, 2 its batches, 3 ready:bulk, 4 run, 5 ctl, 6 blind, 7 slots:bulk, 8 its held batches, 9 bucket, 10.. lists of its
--       zones that are open, if it has zones, the one that closes first before the others.
-- ARGV: 1 time or '', 2 id, '-' for single messages, of which only those that were paced, 3 how many at most,
--       4 ms until they are hinted again, 5 how many blind doubts stop the feed, 6.. the places of those zones in its table.
-- Returns {'fed', words, reference, ...} or {'waits', why}: with the word 'awake' a hint would wake nobody, with 'rate'
-- no more may go soon. Afterwards the cursor is behind what was handed out.
-- include: hints, pace, zones

local c = redis.call('HMGET', KEYS[1], 'state', 'fed', 'batches', 'start_at', 'rate', 'tokens', 'tokens_at',
  'parts', 'held_until', 'zone_left', 'every')
local is_single = ARGV[2] == '-'
if not is_single then
  if not c[1] then return { 'waits', 'gone' } end
  if c[1] ~= 'running' and c[1] ~= 'enrolling' then return { 'waits', c[1] } end
  if c[11] and c[11] ~= '' then return { 'waits', 'recurs' } end -- its occurrences are campaigns of their own
end
local fed, batches = tonumber(c[2] or '0'), tonumber(c[3] or '0')
local held = redis.call('SCARD', KEYS[8])
local left = c[10] -- with zones their lists say what is to come: a scheduler of an earlier version moves the cursor alone
local to_come = left and waiting_in_all(left) or batches - fed
local is_all_out = to_come <= 0 and (fed >= batches or not left)
if is_all_out and held == 0 then return { 'waits', 'all handed out' } end
if c[4] and tonumber(c[4]) > now then return { 'waits', 'scheduled' } end
if redis.call('ZCARD', KEYS[6]) > tonumber(ARGV[5]) then return { 'waits', 'doubts' } end
local ctl = redis.call('HMGET', KEYS[5], 'fell', 'no_money', 'quiet_until', 'sender_rates')
if ctl[1] then return { 'waits', 'fell' } end
if ctl[2] and not is_single then return { 'waits', 'money' } end -- single messages are late meanwhile: a claim ends them
if ctl[3] and tonumber(ctl[3]) > now then return { 'waits', 'quiet' } end
local many = tonumber(ARGV[3])

-- No more than a rate lets go soon, so that the window is free for others.
local is_all = false
local function within(rate, tokens)
  local most = math.ceil(tokens * math.max(1, batches) / math.max(1, tonumber(c[8])))
  is_all, many = is_all or most <= many, math.min(many, most)
  return tokens > 0
end

local rate = tonumber(c[5] or '0')
if rate > 0 and not within(rate, tokens_in(rate, c[6], c[7])) then return { 'waits', 'rate' } end
local sender, sender_rate = nil, 0
if not is_single then sender, sender_rate = paced_sender(ctl[4], '', KEYS[1]) end
if sender and not within(sender_rate, sender_tokens_in(KEYS[9], sender, sender_rate)) then
  return { 'waits', 'sender' }
end
if tonumber(c[9] or '0') > now then held = 0 end
local back = math.min(held, many)
many = math.min(many - back, math.max(0, to_come))
local packed = ''
if left then
  local some, fresh = {}, 0
  for place = 10, #KEYS do
    local zone = tonumber(ARGV[place - 4])
    local waiting = waiting_of(left, zone)
    local few = math.min(many - fresh, waiting)
    if few > 0 then
      local from = redis.call('STRLEN', KEYS[place]) - waiting * 4
      some[#some + 1] = redis.call('GETRANGE', KEYS[place], from, from + few * 4 - 1)
      left, fresh = with_waiting(left, zone, waiting - few), fresh + few
    end
  end
  packed = table.concat(some)
elseif many > 0 then
  packed = redis.call('GETRANGE', KEYS[2], fed * 4, (fed + many) * 4 - 1)
end
local fresh = #packed / 4
if back + fresh == 0 then return { 'waits', is_all_out and 'paced' or 'closed' } end
if left and fresh > 0 then redis.call('HSET', KEYS[1], 'zone_left', left) end

local mark, idle = redis.call('HGET', KEYS[5], 'awake:1'), false
if mark then
  idle = is_hint_idle(mark, redis.call('ZCOUNT', KEYS[7], '(' .. string.format('%.0f', now), '+inf'),
    redis.call('ZCOUNT', KEYS[3], '-inf', string.format('%.1f', now + tonumber(ARGV[4]))))
end
local reply = { 'fed', (idle and 'awake ' or '') .. (is_all and 'rate' or '') }
local function hand_out(each)
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[4]), each)
  reply[#reply + 1] = each
end

if back > 0 then
  local MOST_SORTED = 1000 -- of more, any are taken
  local some = held <= MOST_SORTED and redis.call('SMEMBERS', KEYS[8]) or redis.call('SRANDMEMBER', KEYS[8], back)
  table.sort(some, function(one, other) return tonumber(string.match(one, '^%d+')) < tonumber(string.match(other, '^%d+')) end)
  for place = 1, back do
    hand_out(some[place])
    redis.call('SREM', KEYS[8], some[place])
  end
end
for place = 0, fresh - 1 do
  hand_out(string.format('%.0f@%s', struct.unpack('>I4', packed, place * 4 + 1), ARGV[2]))
end
if idle then redis.call('HSET', KEYS[5], 'unhinted:1', string.format('%.1f', now + tonumber(ARGV[4]))) end
if fresh > 0 then redis.call('HSET', KEYS[1], 'fed', math.max(fed, math.min(batches, fed + fresh))) end
return reply
