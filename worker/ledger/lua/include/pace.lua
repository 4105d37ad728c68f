-- The pace: buckets of tokens, a part each. A bucket holds a second's tokens, and may go into debt once, so that a batch
-- larger than that can leave. The bucket of a sender stands beside the one of all, and in the same hash.

-- A batch that waits for tokens is looked at again so soon, since a rate may be changed meanwhile.
local PACED_LOOK_MS = 1000

local function tokens_in(rate, tokens, at)
  return math.min(rate, tonumber(tokens or rate) + (now - tonumber(at or now)) * rate / 1000)
end

local function wait_of(rate, tokens) return tokens <= 0 and math.ceil(-tokens * 1000 / rate) + 1 or 0 end

-- The sender of a batch and its rate, nil if that has none. `rates`: the field `sender_rates` of `ctl`; `options`: the
-- batch's own, '' if it has those of its campaign.
local function paced_sender(rates, options, campaign)
  if not rates then return nil end
  if options == '' then options = redis.call('HGET', campaign, 'options') or '{}' end
  local sender = cjson.decode(options).sender or ''
  local rate = cjson.decode(rates)[sender]
  if rate then return sender, rate end
end

local function sender_tokens_in(bucket, sender, rate)
  local held = redis.call('HMGET', bucket, 'tokens:' .. sender, 'at:' .. sender)
  return tokens_in(rate, held[1], held[2])
end

-- Buckets are gone once all of them are full again.
local function keep_bucket(bucket, ms)
  redis.call('PEXPIRE', bucket, math.max(60000, ms, redis.call('PTTL', bucket)))
end

-- A rate has changed: nobody waits longer than a second for what left under the old one, and the next batch may go at
-- once if nothing is owed, but no second's worth of them.
local function change_rate(key, tokens_field, at_field, old_rate, rate)
  local held = redis.call('HMGET', key, tokens_field, at_field)
  local tokens = old_rate > 0 and tokens_in(old_rate, held[1], held[2]) or 1
  redis.call('HSET', key, tokens_field, math.max(-rate, math.min(tokens, rate, 1)), at_field, now)
end
