-- Set or lift a limit of the whole installation, while everything runs.
-- KEYS: 1 ctl, 2 bucket, 3 run.  ARGV: 1 time or '', 2 'rate' | 'sender' | 'reserve', 3 the value, 0 for no limit, '' to
--       forget what was set, 4 the sender or '', 5 the rate of the worker's settings, 0 for none.
-- Returns {value before or '', run, n}. A rate holds from the next claim on.
-- include: run, pace

local field = ARGV[2] == 'sender' and 'sender_rates' or ARGV[2]
local known = redis.call('HGET', KEYS[1], field) or ''
local rates = {}
if ARGV[2] == 'sender' then
  rates = known ~= '' and cjson.decode(known) or {}
  known = rates[ARGV[4]] and string.format('%.17g', rates[ARGV[4]]) or ''
end
local is_new = known == '' and ARGV[3] ~= '' or known ~= '' and tonumber(known) ~= tonumber(ARGV[3])
redis.call('HDEL', KEYS[1], '') -- a first write that a full server allows

if is_new and ARGV[2] ~= 'reserve' then
  local beside = ARGV[2] == 'sender' and ':' .. ARGV[4] or ''
  local old, rate = tonumber(known ~= '' and known or ARGV[5]), tonumber(ARGV[3] ~= '' and ARGV[3] or ARGV[5])
  if rate > 0 then
    change_rate(KEYS[2], 'tokens' .. beside, 'at' .. beside, old, rate)
    keep_bucket(KEYS[2], 0)
  end
end
if is_new and ARGV[2] == 'sender' then
  rates[ARGV[4]] = tonumber(ARGV[3])
  if rates[ARGV[4]] == 0 then rates[ARGV[4]] = nil end
  if next(rates) then
    redis.call('HSET', KEYS[1], 'sender_rates', cjson.encode(rates))
  else
    redis.call('HDEL', KEYS[1], 'sender_rates')
  end
elseif is_new and ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], field)
elseif is_new then
  redis.call('HSET', KEYS[1], field, ARGV[3])
end
local actual = run(KEYS[3])
return { known, actual, redis.call('HINCRBY', KEYS[3], 'n:' .. actual, is_new and 1 or 0) }
