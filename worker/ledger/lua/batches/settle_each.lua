-- Settle a claim whose messages were answered one by one, by a wire that gives each a name of the gateway's own.
-- KEYS: of the batch; the names of today; the early receipts of today and of yesterday.
-- ARGV: 4 fence, 5 gateway id, 6 a letter for each message of the claim: a accepted, r refused, n not taken, u unknown;
--       7 parts per message (a number, or a byte each), 8 ms until the first question, 9 error codes of refused messages
--       in order, joined by comma, 10 '1' if nothing of the request runs any more, 11 ms for which names are kept,
--       12 ms until what was not taken may go again, 13 ms until the first question about a doubt, 14.. the names of each
--       message, joined by blanks, '' for none.
-- Returns {'settled'|'again'|'doubtful'|'stale'|'foreign'|'never'|'gone', enrolled at, how many are left in its lane,
--   name, early receipt, ...}: receipts that came before their message's name was known.
-- Afterwards: names lead to their messages, an acceptance is merged under any fence, and only the newest fence moves the
-- batch. A message of which nobody knows whether it was accepted keeps its id open; one that certainly was not is free.
-- include: batch, force, lanes, slots, receipts, sets, moves, ids, settled, facts, conclusion, controls, awake

redis.call('ZREM', LEASES, ref .. '/') -- a first write that a full server allows
local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)
local fence, gid = tonumber(ARGV[4]), tonumber(ARGV[5])
local id, place = find_id(m, gid)
if not id then
  redis.call('HINCRBY', TOTALS, 'alarm:foreign-id', 1)
  return { 'foreign' }
end
if ARGV[10] == '1' then free_slot(m) end
local current = m[STATE] == SENDING and m[FENCE] == fence
local packed = redis.call('HGET', SHARD, number .. 'p')

local members = {}
for index = 0, m[COUNT] - 1 do
  if holds(id[MEMBERS], index) then members[#members + 1] = index end
end

local listed = string.byte(packed, 1) == 0 and cmsgpack.unpack(string.sub(packed, 2)) or nil
local function recipient_at(index)
  if not listed then return phone_at(packed, index) end
  local each = listed[index + 1]
  return type(each) == 'number' and string.format('%.0f', each) or each
end

local AT_ONCE = 1000 -- names in one command: Lua hands over some thousands of values at most

-- The gateway's names of our messages: `id recipient`, with the number of parts behind it if there are several.
local function note_names()
  local pairs_of, names = {}, {}
  for order, index in ipairs(members) do
    local told = ARGV[13 + order]
    if told ~= '' then
      local _, blanks = string.gsub(told, ' ', ' ')
      local value = ARGV[5] .. ' ' .. recipient_at(index) .. (blanks > 0 and ' ' .. (blanks + 1) or '')
      for name in string.gmatch(told, '%S+') do
        names[#names + 1] = name
        pairs_of[#pairs_of + 1] = name
        pairs_of[#pairs_of + 1] = value
      end
    end
  end
  if #names == 0 then return {} end
  for from = 1, #names, AT_ONCE do
    redis.call('HSET', KEYS[30], unpack(pairs_of, 2 * from - 1, 2 * math.min(#names, from + AT_ONCE - 1)))
  end
  redis.call('PEXPIRE', KEYS[30], ARGV[11])
  local early = {}
  for day = 31, 32 do
    if redis.call('EXISTS', KEYS[day]) == 1 then
      for from = 1, #names, AT_ONCE do
        local part = redis.call('HMGET', KEYS[day], unpack(names, from, math.min(#names, from + AT_ONCE - 1)))
        for at, receipt in ipairs(part) do
          if receipt then
            early[#early + 1] = names[from + at - 1]
            early[#early + 1] = receipt
          end
        end
      end
    end
  end
  return early
end

local early = note_names()
local function told(word)
  local reply = { word, m[ENROLLED], left_in(m[LANE]) }
  for _, each in ipairs(early) do reply[#reply + 1] = each end
  return reply
end

local equal = tonumber(ARGV[7])
local at = math.floor(now / 1000)
local known = redis.call('HGET', SHARD, number .. 'r')
local codes, facts, untaken, is_unknown, youngest = string.gmatch(ARGV[9], '%d+'), {}, {}, false, nil
for order, index in ipairs(members) do
  local letter = string.sub(ARGV[6], order, order)
  local parts = equal or string.byte(ARGV[7], order)
  if letter == 'a' then
    facts[#facts + 1] = { index, id, place, ACCEPTED, 0, parts, -1, at }
    youngest = youngest or index
  elseif letter == 'r' then
    local code = tonumber(codes()) or 0
    if current then
      -- An earlier attempt may have been accepted: its verdict must come first, and so must the roll call.
      if not has_open_id(m, { index }, gid) and in_force() then
        if not known or status_at(known, index) == 0 then facts[#facts + 1] = { index, id, place, REFUSED, code, 0, -1, at } end
      end
      untaken[#untaken + 1] = index
    end
  elseif letter == 'n' then
    if current then untaken[#untaken + 1] = index end
  else
    is_unknown = true
  end
end
local blob = apply_facts(m, facts)
if current then
  for _, index in ipairs(untaken) do id[ABSENTS] = with_mark(m, id[ABSENTS], index, '1') end
  if not is_unknown then id[ID_STATE] = youngest and ACCEPTED_ID or ABSENT end
elseif m[COUNT] == 1 and youngest then
  id[ID_STATE] = ACCEPTED_ID
end
if youngest then note_control(ARGV[5], phone_at(packed, youngest), id[CLAIMED_AT], id[MIRROR]) end
if not current then
  conclude(m, blob, tonumber(ARGV[8]))
  save_batch(m)
  return told('stale')
end
local rest = undecided(m, blob)
if #rest == 0 then
  settle_batch(m, blob, tonumber(ARGV[8]))
  save_batch(m)
  return told('settled')
end
if has_open_id(m, rest) then
  local first = tonumber(ARGV[13])
  if m[LANE] == 0 then first = math.max(math.min(first, 200), id[CLAIMED_AT] + first - now) end
  enter_doubt(m, rest, 'no_answer', first)
  conclude(m, blob, tonumber(ARGV[8]))
  save_batch(m)
  return told('doubtful')
end
redis.call('ZREM', LEASES, ref)
move(m, READY, #rest)
m[OWNER], m[NONCE], m[LEASE] = '', '', 0
redis.call('ZADD', ready_key(m), now + tonumber(ARGV[12]), ref)
save_batch(m)
return told('again')
