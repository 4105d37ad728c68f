-- Establish the ledger, if it is not yet: stamp it with its account, and start its id counter high and at random.
-- KEYS: 1 stamp, 2 run, 3 n:gid, 4 hosts, 5 ctl, 6 homes, 7 away, 8 owners, 9 lead.
-- ARGV: 1 time or '', 2 account, 3 first gateway id, 4 host ('' for a producer),
--       5 '1' if this host's journals know of sends, 'recover' to establish it all the same, as one that fell back,
--       6 names of the secret keys that this host has, the sealing one first; '' if it has none,
--       7 the host's name for people, 8 which home it is, '' if that is not to be checked,
--       9 for how many ms after its last beat a home counts as in use, 10 the layout that this version writes.
-- Returns {'new'|'known'|'foreign'|'sealed'|'empty', account, actual run, run in force}
--   | {'copied', name of the other home with this host's number, actual run, run in force}
--   | {'newer'|'older', layout of the ledger, actual run, run in force}: 'older' only while a worker or a scheduler of
--     that layout may run.
-- Afterwards: the stamp names a secret key that every accepted host has.
-- include: run

local OLD_MS = 5000 -- after its last beat a worker is taken to be gone
local actual = run(KEYS[2])
local function note_secret()
  if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'secret', string.match(ARGV[6], '^%x+')) end
end

-- Two homes with one number, both in use, would vouch for each other's claims.
local function other()
  if ARGV[4] == '' or ARGV[8] == '' then return nil end
  local known = redis.call('HMGET', KEYS[6], ARGV[4], ARGV[4] .. ':where', ARGV[4] .. ':at')
  if not known[2] or known[2] == ARGV[8] or redis.call('HEXISTS', KEYS[7], ARGV[4]) == 1 then return nil end
  if now - tonumber(known[3] or '0') >= tonumber(ARGV[9]) then return nil end
  return known[1] or ''
end

local function join()
  if ARGV[4] == '' then return end
  redis.call('HDEL', KEYS[7], ARGV[4]) -- it is not away; a first write that a full server allows
  if redis.call('SISMEMBER', KEYS[4], ARGV[4]) == 0 then redis.call('SADD', KEYS[4], ARGV[4]) end
  redis.call('HSET', KEYS[6], ARGV[4], ARGV[7], ARGV[4] .. ':at', now)
  if ARGV[8] ~= '' then redis.call('HSET', KEYS[6], ARGV[4] .. ':where', ARGV[8]) end
end

local account = redis.call('HGET', KEYS[1], 'account')
if account then
  local current = redis.call('HGET', KEYS[2], 'current') or ''
  if account ~= ARGV[2] then return { 'foreign', account, actual, current } end
  local secret = redis.call('HGET', KEYS[1], 'secret')
  if secret and ARGV[6] ~= '' and not string.find(ARGV[6], secret, 1, true) then
    return { 'sealed', account, actual, current }
  end
  local layout, own = tonumber(redis.call('HGET', KEYS[2], 'layout') or '1'), tonumber(ARGV[10])
  if layout > own then return { 'newer', tostring(layout), actual, current } end
  if layout < own then
    if redis.call('ZCOUNT', KEYS[8], now - OLD_MS, '+inf') > 0 or redis.call('EXISTS', KEYS[9]) == 1 then
      return { 'older', tostring(layout), actual, current }
    end
    redis.call('HSET', KEYS[2], 'layout', own)
  end
  local home = other()
  if home then return { 'copied', home, actual, current } end
  if secret ~= string.match(ARGV[6], '^%x+') then note_secret() end
  join()
  return { 'known', account, actual, current }
end
if ARGV[5] == '1' then return { 'empty', '', actual, '' } end
if ARGV[5] == 'recover' then redis.call('HSET', KEYS[5], 'fell', 'the ledger was emptied') end

redis.call('HSET', KEYS[1], 'account', ARGV[2], 'founded_at', math.floor(now / 1000))
redis.call('HSET', KEYS[2], 'birth', ARGV[3], 'layout', ARGV[10])
actual = run(KEYS[2])
note_secret()
if ARGV[5] ~= 'recover' then redis.call('HSET', KEYS[2], 'current', actual) end
redis.call('SETNX', KEYS[3], ARGV[3])
join()
return { 'new', ARGV[2], actual, actual }
