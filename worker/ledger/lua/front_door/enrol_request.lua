-- Accept the messages of one request of the front door, all or none: each with its batch and its place in the queue,
-- the id under which the caller asks about them, and what a repeat of the same request is answered.
-- KEYS: of the batch with the first number; then the bell of what is ready, files, the hash of the last one, the stamp,
--       what was said to this content, the counter of drawn ids, the beginning of the names of the caller's ids, the
--       caller's messages of the day.
-- ARGV: 4 the caller's id, '' to draw one, 5 the host that the request names, 6 ms of the gateway's minute, 7 ms that
--       an answer is kept, 8 ms that ids are kept, 9 ms until it is hinted again, 10 names of the secret keys that
--       the sender has, '' if nothing is sealed, 11 parts of all messages, 12 the number behind which ids are drawn
--       if none ever was, 13 how many messages, 14 recipients that are none, packed, '' for no such, 15 digests of
--       the files of each message, then for each message: its recipient as answers show it, meta, recipients, texts.
-- Returns {'created', id, parts, run, last n, '1' if no hint is needed}; {'same', id, parts, first batch} for
-- a repeat that gets the first answer; {'guarded'} for one that was answered; {'halted', why}, {'sealed'},
-- {'renumber'}, or {'ids'} if there are no more.
-- Afterwards: all of it is in the ledger, or nothing was written. A call that repeats itself is `created` again.
-- include: batch, force, lanes, totals, waking

local function whole(value) return string.format('%.0f', value) end

local said = redis.call('HMGET', KEYS[#KEYS - 3], 'id', 'parts', 'at', 'first', 'asked', 'told', 'told:' .. ARGV[5])
if said[1] and said[4] == number then -- the reply was lost
  local _, actual = in_force()
  return { 'created', said[1], said[2], actual, tonumber(redis.call('HGET', RUN, 'n:' .. actual) or '0'), '' }
end
if said[1] then
  local is_recent = now - tonumber(said[3]) < tonumber(ARGV[6])
  -- A library goes on to another host, or comes back, if an answer was lost. Once it has one, a repeat is meant.
  if said[5] == ARGV[4] and (not said[6] or is_recent and not said[7]) then
    return { 'same', said[1], said[2], said[4] }
  end
  if is_recent then return { 'guarded' } end
end
local forced, actual = in_force()
if redis.call('HEXISTS', CTL, 'fell') == 1 then return { 'halted', 'fell' } end
if not forced then return { 'halted', 'run' } end
local secret = ARGV[10] ~= '' and redis.call('HGET', KEYS[#KEYS - 4], 'secret')
if secret and not string.find(ARGV[10], secret, 1, true) then return { 'sealed' } end
local first, many = tonumber(number), tonumber(ARGV[13])
if first + many - 1 > tonumber(redis.call('GET', N_BATCH) or '0') then return { 'renumber' } end

-- A request's numbers follow one another, so they lie in one hash or in two.
local function hash_of(place)
  local is_near = math.floor((first + place) / BATCHES_IN_A_SHARD) == math.floor(first / BATCHES_IN_A_SHARD)
  return is_near and 1 or #KEYS - 5
end

for place = 0, many - 1 do
  if redis.call('HEXISTS', KEYS[hash_of(place)], whole(first + place) .. 'm') == 1 then return { 'renumber' } end
end

local LARGEST_ID, LEAP = 2147483647, 1000003

-- An id of ours is none that the caller has given or been given, as far as they are kept.
local function drawn()
  local last, looks = tonumber(redis.call('GET', KEYS[#KEYS - 2]) or ARGV[12]), 0
  repeat
    looks = looks + 1
    last = last + (looks < 50 and 1 or LEAP)
  until last > LARGEST_ID or redis.call('EXISTS', KEYS[#KEYS - 1] .. whole(last)) == 0
  if last > LARGEST_ID then return nil end
  redis.call('SET', KEYS[#KEYS - 2], whole(last))
  return whole(last)
end

local id = ARGV[4] ~= '' and ARGV[4] or drawn()
if not id then return { 'ids' } end
local m
for place = 0, many - 1 do
  local each, at = whole(first + place), 16 + 4 * place
  m = cmsgpack.unpack(ARGV[at + 1])
  m[ENROLLED] = now
  redis.call('HSET', KEYS[hash_of(place)], each .. 'm', cmsgpack.pack(m), each .. 'p', ARGV[at + 2], each .. 't',
    ARGV[at + 3])
  if ARGV[15] ~= '' then
    redis.call('HSET', KEYS[hash_of(place)], each .. 'f', ARGV[15])
    for digest in string.gmatch(ARGV[15], '%x+') do redis.call('HINCRBY', KEYS[#KEYS - 6], digest, 1) end
  end
  redis.call('ZADD', ready_key(m), now + tonumber(ARGV[9]), each)
  redis.call('HSET', KEYS[#KEYS - 1] .. id, ARGV[at], each)
  redis.call('RPUSH', KEYS[#KEYS], each .. ' ' .. id)
end
if ARGV[14] ~= '' then
  for _, bad in ipairs(cmsgpack.unpack(ARGV[14])) do redis.call('HSET', KEYS[#KEYS - 1] .. id, bad, '0') end
end
redis.call('PEXPIRE', KEYS[#KEYS - 1] .. id, ARGV[8])
redis.call('PEXPIRE', KEYS[#KEYS], ARGV[8])
redis.call('DEL', KEYS[#KEYS - 3])
redis.call('HSET', KEYS[#KEYS - 3], 'id', id, 'parts', ARGV[11], 'at', whole(now), 'first', number, 'asked', ARGV[4])
redis.call('PEXPIRE', KEYS[#KEYS - 3], ARGV[7])
local n = redis.call('HINCRBY', RUN, 'n:' .. actual, many)
add_gauge(m, READY, many)
count('queued', many)
local needs_none = is_woken(m, KEYS[#KEYS - 7], many, string.format('%.1f', now + tonumber(ARGV[9])))
return { 'created', id, ARGV[11], actual, n, needs_none and '1' or '' }
