-- Take a ready batch to send it: draws a fresh gateway id and writes down who sends what, where and until when.
-- ARGV: 4 nonce, 5 owner, 6 mirror, 7 lease ms, 8 parallel sends, 9 urgent slots, 10 ms a slot is kept past the
--       lease, 11 fingerprint of the credentials, 12 segments per second or ''.
-- Returns {'claimed', gid, fence, lease until, run, n, meta, phones, texts, members, campaign text, options, first try}
--   or {'never'|'gone'|'taken'|'settled'|'paused'}, {'halted', why}, {'later', ms}, {'slot'}.
-- Afterwards: either the id is known as open, durably and before a byte leaves, or nothing was granted.

local m = load_batch()
if not m then return unknown_batch() end
in_motion(m)

local function granted(id, rest_set, n, actual)
  local texts = redis.call('HGET', SHARD, number .. 't') or ''
  local c = redis.call('HMGET', CAMPAIGN_KEY, 'text', 'options')
  return { 'claimed', id[GID], m[FENCE], m[LEASE], actual, n, cmsgpack.pack(m),
    redis.call('HGET', SHARD, number .. 'p'), texts, rest_set, c[1] or '', m[OPTIONS] ~= '' and m[OPTIONS] or c[2] or '' }
end

if m[STATE] == SENDING and m[NONCE] == ARGV[4] then -- the reply was lost: the same answer again
  local id = m[IDS][#m[IDS]]
  return granted(id, id[MEMBERS], tonumber(redis.call('HGET', RUN, 'n:' .. run()) or '0'), run())
end
if m[STATE] ~= READY then return { 'taken' } end

local forced, actual = in_force()
if not forced then return { 'halted', 'run' } end

local blob = load_receipts(m)
local rest = undecided(m, blob)
if #rest == 0 then settle_batch(m, blob, 0) save_batch(m) return { 'settled' } end

local c = redis.call('HMGET', CAMPAIGN_KEY, 'state', 'budget', 'cost', 'part_price', 'rate', 'tokens', 'tokens_at',
  's:sending', 's:doubtful')
if not SINGLE then
  if c[1] == 'cancelled' then
    blob = decide_rest(m, blob, CANCELLED, 0)
    settle_batch(m, blob, 0)
    save_batch(m)
    return { 'settled' }
  end
  if c[1] == 'paused' then
    redis.call('ZREM', ready_key(m), ref)
    redis.call('SADD', HELD, ref)
    return { 'paused' }
  end
end
if m[DEADLINE] > 0 and now >= m[DEADLINE] then
  blob = decide_rest(m, blob, LATE, 0)
  settle_batch(m, blob, 0)
  save_batch(m)
  return { 'settled' }
end

local ctl = redis.call('HMGET', CTL, 'fell', 'bad_login', 'no_money', 'quiet_until')
if ctl[1] then return { 'halted', 'fell' } end
if ctl[2] and ctl[2] == ARGV[11] then return { 'halted', 'login' } end
if ctl[3] and m[LANE] == 1 then return { 'halted', 'money' } end
if ctl[4] and tonumber(ctl[4]) > now then return { 'later', tonumber(ctl[4]) - now } end

local parts = math.ceil(m[PARTS] * #rest / m[COUNT])
if c[2] and tonumber(c[2]) > 0 then
  local price = tonumber(c[4] or '0')
  local flying = (tonumber(c[8] or '0') + tonumber(c[9] or '0')) * m[PARTS] / m[COUNT]
  if tonumber(c[3] or '0') + price * (parts + flying) > tonumber(c[2]) then
    redis.call('HSET', CAMPAIGN_KEY, 'state', 'paused', 'why', 'budget')
    redis.call('ZREM', ready_key(m), ref)
    redis.call('SADD', HELD, ref)
    return { 'paused' }
  end
end

redis.call('ZREMRANGEBYSCORE', SLOTS_URGENT, '-inf', now)
redis.call('ZREMRANGEBYSCORE', SLOTS_BULK, '-inf', now)
local urgent, bulk = redis.call('ZCARD', SLOTS_URGENT), redis.call('ZCARD', SLOTS_BULK)
local most = tonumber(ARGV[8])
if urgent + bulk >= most or (m[LANE] == 1 and bulk >= most - tonumber(ARGV[9])) then return { 'slot' } end

-- The pace: a bucket may go into debt once, so that a batch larger than a second's tokens still leaves.
local function wait_for_tokens(key, tokens_field, at_field, rate, tokens, at)
  tokens = math.min(rate, (tonumber(tokens or rate)) + (now - tonumber(at or now)) * rate / 1000)
  if tokens <= 0 then return math.ceil(-tokens * 1000 / rate) + 1 end
  redis.call('HSET', key, tokens_field, tokens - parts, at_field, now)
end
if ARGV[12] ~= '' then
  local held = redis.call('HMGET', BUCKET, 'tokens', 'at')
  local wait = wait_for_tokens(BUCKET, 'tokens', 'at', tonumber(ARGV[12]), held[1], held[2])
  if wait then return { 'later', wait } end
  redis.call('PEXPIRE', BUCKET, 60000)
end
if c[5] and tonumber(c[5]) > 0 then
  local wait = wait_for_tokens(CAMPAIGN_KEY, 'tokens', 'tokens_at', tonumber(c[5]), c[6], c[7])
  if wait then return { 'later', wait } end
end

if m[SOLO] == 1 then rest = { rest[1] } end
local gid = redis.call('INCR', N_GID)
local n = redis.call('HINCRBY', RUN, 'n:' .. actual, 1)
local members = set_of(m, rest)
move(m, SENDING, #undecided(m, blob))
m[FENCE], m[CLAIMS] = m[FENCE] + 1, m[CLAIMS] + 1
m[OWNER], m[NONCE], m[LEASE] = ARGV[5], ARGV[4], now + tonumber(ARGV[7])
m[IDS][#m[IDS] + 1] = { gid, OPEN, ARGV[6], now, members, '', 0 }
save_batch(m)
redis.call('HSET', IDS_KEY, gid, ref)
redis.call('ZREM', ready_key(m), ref)
redis.call('ZADD', LEASES, m[LEASE], ref)
redis.call('ZADD', slots_key(m), m[LEASE] + tonumber(ARGV[10]), ref .. '/' .. string.format('%.0f', m[FENCE]))
if not SINGLE then redis.call('HSETNX', CAMPAIGN_KEY, 'first_sent_at', now) end
return granted(m[IDS][#m[IDS]], members, n, actual)
