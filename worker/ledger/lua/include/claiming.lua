-- The claim of one batch.
-- ARGV: as `claim.lua` and `claim_next.lua` have them. KEYS: those of a batch, then the calls that were repeated.
-- include: batch, force, lanes, receipts, sets, moves, ids, stubs, settled, verdicts, budget, awake, openings, pace, screening, audit

local function granted(m, n, actual)
  local id = m[IDS][#m[IDS]]
  local texts = redis.call('HGET', SHARD, number .. 't') or ''
  local c = redis.call('HMGET', CAMPAIGN_KEY, 'text', 'options')
  return { 'claimed', id[GID], m[FENCE], m[LEASE], actual, n, cmsgpack.pack(m), redis.call('HGET', SHARD, number .. 'p'),
    texts, id[MEMBERS], c[1] or '', m[OPTIONS] ~= '' and m[OPTIONS] or c[2] or '', known_as(m), ref }
end

-- The nonce of this call. With the run in it, since the roll call decides about claims of an earlier run.
local function nonce_of(actual) return ARGV[4] .. ' ' .. actual end

-- The reply was lost: the same answer again, while that claim is being sent.
local function granted_again(m, actual)
  if m[STATE] ~= SENDING or m[NONCE] ~= nonce_of(actual) then return nil end
  return granted(m, tonumber(redis.call('HGET', RUN, 'n:' .. actual) or '0'), actual)
end

local function claim_one()
  local m = load_batch()
  if not m then return unknown_batch() end
  in_motion(m)
  local forced, actual = in_force()
  local same = granted_again(m, actual)
  if same then return same end
  if m[STATE] ~= READY then
    redis.call('ZREM', ready_key(m), ref)
    return { 'taken' }
  end
  if not forced then return { 'halted', redis.call('HEXISTS', CTL, 'fell') == 1 and 'fell' or 'run' } end

  local blob = load_receipts(m)
  local rest = undecided(m, blob)
  if #rest == 0 then settle_batch(m, blob, 0) save_batch(m) return { 'settled' } end
  if takes_stub(m, rest) then return { 'taken' } end

  local c = redis.call('HMGET', CAMPAIGN_KEY, 'state', 'budget', 'rate', 'tokens', 'tokens_at', 'window', 'zones',
    'screened', 'cap', 'opened', 'every')
  -- End it here, but never while an earlier attempt may have been accepted: then ask first.
  local function end_it(status)
    if has_open_id(m, rest) then
      enter_doubt(m, rest, NAME[status], 1000)
    else
      settle_batch(m, decide_rest(m, blob, status, 0), 0)
    end
    save_batch(m)
    return { 'settled' }
  end
  if not SINGLE then
    if c[1] == 'cancelled' then return end_it(CANCELLED) end
    -- Of a campaign that recurs only its occurrences leave; a scheduler of an earlier version hands out its own batches.
    if c[1] == 'paused' or c[11] and c[11] ~= '' then
      redis.call('ZREM', ready_key(m), ref)
      redis.call('SADD', HELD, ref)
      return { 'paused' }
    end
  end
  if m[DEADLINE] > 0 and now >= m[DEADLINE] then return end_it(LATE) end

  local ctl = redis.call('HMGET', CTL, 'fell', 'bad_login', 'no_money', 'quiet_until', 'errors', 'errors_until', 'rate',
    'sender_rates', 'screen', 'cap')
  if ctl[1] then return { 'halted', 'fell' } end
  if ctl[2] and ctl[2] == ARGV[11] then return { 'halted', 'login' } end
  -- The gateway would refuse every message under a larger id, as a wrong parameter.
  if tonumber(redis.call('GET', N_GID) or '0') >= tonumber(redis.call('HGET', RUN, 'gid_last') or '2147483647') then
    return { 'halted', 'ids' }
  end
  if ctl[3] and m[LANE] == 1 then return { 'halted', 'money' } end
  if ctl[4] and tonumber(ctl[4]) > now then return { 'later', tonumber(ctl[4]) - now } end
  -- The gateway blocks an address for a hundred erroneous sends in ten minutes: campaigns stop well before, codes later.
  if ctl[6] and tonumber(ctl[6]) > now and tonumber(ctl[5]) >= (m[LANE] == 1 and MOST_ERRORS_BULK or MOST_ERRORS_URGENT) then
    return { 'later', tonumber(ctl[6]) - now }
  end

  -- This holds back this batch, not others: the feed hands it out again when its time has come.
  local function pace(ms)
    redis.call('ZREM', ready_key(m), ref)
    redis.call('SADD', HELD, ref)
    redis.call('HSET', CAMPAIGN_KEY, 'held_until', math.ceil(now + math.min(ms, PACED_LOOK_MS)))
    return { 'paced', math.ceil(ms) }
  end
  if c[6] and c[6] ~= '' then
    local wait = closed_ms(c[7], c[6], c[10])
    if wait > 0 then -- other batches of its campaign may be in zones that are open
      redis.call('ZADD', ready_key(m), 'XX', math.ceil(now + wait), ref)
      return { 'closed', math.ceil(wait) }
    end
  end

  local parts = math.ceil(m[PARTS] * (m[SOLO] == 1 and 1 or #rest) / m[COUNT])
  if c[2] and tonumber(c[2]) > 0 then
    local b = redis.call('HMGET', CAMPAIGN_KEY, unpack(BUDGETED))
    if least_budget(b, parts) > tonumber(c[2]) then
      redis.call('HSET', CAMPAIGN_KEY, 'state', 'paused', 'why', 'budget', 'next_parts', parts)
      note_in_log(CAMPAIGN_KEY .. ':a', 'scheduler', 'pause', 'budget', { 'state', c[1], 'paused' })
      redis.call('ZREM', ready_key(m), ref)
      redis.call('SADD', HELD, ref)
      return { 'paused' }
    end
  end

  -- Only read here: the first write of a grant must be one that a full server refuses.
  local after = '(' .. string.format('%.0f', now)
  local urgent = redis.call('ZCOUNT', SLOTS_URGENT, after, '+inf')
  local bulk = redis.call('ZCOUNT', SLOTS_BULK, after, '+inf')
  local most = tonumber(ARGV[8])
  if m[LANE] == 1 and (urgent + bulk >= most or bulk >= most - tonumber(ARGV[9])) then return { 'slot' } end
  -- The last slot is for a code if one waits: a worker that frees a slot claims the next batch in the same call, before any code.
  if m[LANE] == 1 and urgent + bulk + 1 >= most and waiting_in(0) > 0 then return { 'slot' } end
  -- A code does not count requests that are probably over, so that a silent mirror or a dead worker does not stop all codes
  -- until the peer must have closed. The gateway allows fifteen requests at once; beyond that it only answers "later".
  if urgent + bulk >= most then
    local open = urgent + bulk - overdue()
    if open >= most or urgent + bulk >= math.max(most, math.min(MOST_AT_ONCE, most + MORE_URGENT)) then return { 'slot' } end
  end

  -- The pace: nothing is taken from one bucket unless the others allow it too. Codes never wait for it: campaigns make
  -- up for what they overdraw. A rate that was set while everything runs replaces that of the worker.
  local rate, own_rate = tonumber(ctl[7] or ARGV[12]) or 0, tonumber(c[3] or '0')
  local sender, sender_rate = paced_sender(ctl[8], m[OPTIONS], CAMPAIGN_KEY)
  local tokens, own_tokens, sender_tokens, wait = 0, 0, 0, 0
  if rate > 0 then
    local held = redis.call('HMGET', BUCKET, 'tokens', 'at')
    tokens = tokens_in(rate, held[1], held[2])
    wait = wait_of(rate, tokens)
  end
  if own_rate > 0 then
    own_tokens = tokens_in(own_rate, c[4], c[5])
    local own_wait = wait_of(own_rate, own_tokens)
    if own_wait > 0 then return pace(own_wait) end
  end
  if sender then
    sender_tokens = sender_tokens_in(BUCKET, sender, sender_rate)
    local sender_wait = wait_of(sender_rate, sender_tokens)
    if sender_wait > 0 and m[LANE] == 1 then return pace(sender_wait) end
  end
  if wait > 0 and m[LANE] == 1 then return { 'later', wait } end

  -- The worker looks who opted out or has got enough, and claims again.
  if is_unscreened(ctl[9], c[8]) or is_uncounted(ctl[10], c[9]) then return { 'unscreened', ref } end

  local waiting = #rest
  if m[SOLO] == 1 then rest = { rest[1] } end
  local gid = redis.call('INCR', N_GID)
  if rate > 0 then
    redis.call('HSET', BUCKET, 'tokens', tokens - parts, 'at', now)
    keep_bucket(BUCKET, wait_of(rate, tokens - parts))
  end
  if sender then
    redis.call('HSET', BUCKET, 'tokens:' .. sender, sender_tokens - parts, 'at:' .. sender, now)
    keep_bucket(BUCKET, wait_of(sender_rate, sender_tokens - parts))
  end
  if own_rate > 0 then redis.call('HSET', CAMPAIGN_KEY, 'tokens', own_tokens - parts, 'tokens_at', now) end
  local n = redis.call('HINCRBY', RUN, 'n:' .. actual, 1)
  local members = set_of(m, rest)
  move(m, SENDING, waiting)
  m[FENCE], m[CLAIMS] = m[FENCE] + 1, m[CLAIMS] + 1
  m[OWNER], m[NONCE], m[LEASE] = ARGV[5], nonce_of(actual), now + tonumber(ARGV[7])
  m[IDS][#m[IDS] + 1] = { gid, OPEN, ARGV[6], now, members, '', 0 }
  save_batch(m)
  redis.call('HSET', IDS_KEY, gid, ref)
  redis.call('ZREM', ready_key(m), ref)
  redis.call('ZADD', LEASES, m[LEASE], ref)
  redis.call('ZREMRANGEBYSCORE', SLOTS_URGENT, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', SLOTS_BULK, '-inf', now)
  redis.call('ZADD', slots_key(m), m[LEASE] + tonumber(ARGV[10]), ref .. '/' .. string.format('%.0f', m[FENCE]))
  if not SINGLE then redis.call('HSETNX', CAMPAIGN_KEY, 'first_sent_at', now) end
  note_awake(m, urgent, bulk, most)
  return granted(m, n, actual)
end

-- Answer a call, and its repeats and late copies as it was answered first. Only repeated calls are written down: a call
-- that was answered at its first try has no copies. ARGV[13]: the caller, '' for one that does not number its calls.
local CALLS_KEPT_MS = 3600000

local function answer_to(claim, find, take)
  local who, seq, is_again = ARGV[13], tonumber(ARGV[14]), ARGV[15] == '1'
  if who == '' then return claim() end
  local last, given = string.match(redis.call('HGET', KEYS[30], who) or '-1', '^(-?%d+) ?(.*)$')
  last = tonumber(last)
  if last == seq and given ~= '' then
    take(given)
    local m = load_batch()
    local _, actual = in_force()
    return m and granted_again(in_motion(m), actual) or { 'over' }
  end
  if last >= seq then return { 'over' } end
  local reply = is_again and find() or claim()
  if is_again then
    redis.call('HSET', KEYS[30], who, reply[1] == 'claimed' and ARGV[14] .. ' ' .. ref or ARGV[14])
    redis.call('PEXPIRE', KEYS[30], CALLS_KEPT_MS)
  end
  return reply
end

local function as_called(claim, find, take)
  local reply = answer_to(claim, find, take)
  if ARGV[16] == '' then return reply end
  if reply[1] ~= 'claimed' then reply[2] = reply[2] or '' end
  reply[#reply + 1] = left_in(tonumber(ARGV[16]))
  return reply
end
