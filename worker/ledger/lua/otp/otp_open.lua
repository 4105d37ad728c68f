-- Write down a one-time code with its first step, before its message is enrolled.
-- KEYS: 1 code:<id>, 2 code:<id>:s, 3 codekey:<hash> (not used without a key), 4 run, 5 ctl, 6 stamp, 7 totals,
--       8 cascade.
-- ARGV: 1 time or '', 2 id, 3 '1' if the caller gave a key, 4 digests of the content, the one to keep first, 5 sealed,
--       6 keyed hash of the code, 7 ms it lives, 8 wrong tries it takes, 9 channels, 10 first channel, 11 ms it is
--       remembered past its expiry, 12 names of the secret keys that the caller has, 13 ms until its cascade is
--       looked at, '' if there is one channel.
-- Returns {'created'|'same', id, made at, expires at, first channel}, {'conflict', id}, {'halted', why} or {'sealed'}.
-- Afterwards: one record per key; repeating it after a lost reply answers the same.
-- include: run

local made = redis.call('HMGET', KEYS[1], 'made_at', 'expires_at')
if made[1] then return { 'created', ARGV[2], made[1], made[2], ARGV[10] } end -- the reply was lost: no id is drawn twice
if ARGV[3] == '1' then
  local known = redis.call('HMGET', KEYS[3], 'id', 'content', 'made_at', 'expires_at', 'channel')
  if known[1] then
    if not string.find(ARGV[4], known[2], 1, true) then return { 'conflict', known[1] } end
    return { 'same', known[1], known[3], known[4], known[5] }
  end
end
if redis.call('HGET', KEYS[4], 'current') ~= run(KEYS[4]) then return { 'halted', 'run' } end
if redis.call('HEXISTS', KEYS[5], 'fell') == 1 then return { 'halted', 'fell' } end
local secret = redis.call('HGET', KEYS[6], 'secret')
if secret and not string.find(ARGV[12], secret, 1, true) then return { 'sealed' } end

local lives, remembered = tonumber(ARGV[7]), tonumber(ARGV[11])
local expires = now + lives
redis.call('HSET', KEYS[1], 'made_at', now, 'expires_at', expires, 'tries', 0, 'most', ARGV[8], 'channels', ARGV[9],
  'steps', ARGV[10] .. ' ' .. string.format('%.0f', now) .. ' -\n', 'resends', 0)
redis.call('PEXPIRE', KEYS[1], lives + remembered)
redis.call('HSET', KEYS[2], 'sealed', ARGV[5], 'hash', ARGV[6])
redis.call('PEXPIRE', KEYS[2], lives + 1000) -- after the record's expiry, so that a right code is never called wrong
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[3], 'id', ARGV[2], 'content', string.match(ARGV[4], '^%x+'), 'made_at', now, 'expires_at',
    expires, 'channel', ARGV[10])
  redis.call('PEXPIRE', KEYS[3], lives + remembered)
end
if ARGV[13] ~= '' then redis.call('ZADD', KEYS[8], now + tonumber(ARGV[13]), ARGV[2]) end
return { 'created', ARGV[2], string.format('%.0f', now), string.format('%.0f', expires), ARGV[10] }
