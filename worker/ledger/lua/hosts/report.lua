-- The roll call: a host reports for a new run. When every host has, the run is in force or the ledger fell back.
-- KEYS: 1 run, 2 hosts, 3 rollcall:<run>, 4 ctl, 5 n:gid, 6 n:batch, 7 g, 8 gone:<run>, 9 away.
-- ARGV: 1 time or '', 2 run, 3 host, 4 report as JSON {gid, batch, runs: {run: n}, ids: [gid], hosts: [host], unsure,
--         away: {host: [sign-off, time in ms of the look]}},
--       5 '1' for a visitor: a home with producers only, which is not waited for unless it knows more than the ledger.
-- Returns {'moved', actual} | {'force'} | {'waits', hosts missing} | {'cleared', hosts not waited for} | {'fell', why}.
-- Afterwards: a run is in force only if the ledger contains everything that every host knows, late hosts included.
-- A host that signed off is not waited for if a reporting host noted this very sign-off a moment ago.
-- include: run

local VOUCHED_MS = 120000 -- a returning host waits for longer: see `Notes`
local actual = run(KEYS[1])
if actual ~= ARGV[2] then return { 'moved', actual } end
redis.call('HDEL', KEYS[3], '') -- a first write that a full server allows

local function fell(why)
  redis.call('HSET', KEYS[4], 'fell', why)
  redis.call('HDEL', KEYS[4], 'waits', 'waits_since')
  return { 'fell', why }
end

-- What a host knows and this ledger does not, in words; nil if it knows nothing more.
local function lacks(host, report)
  local top = tonumber(redis.call('HGET', KEYS[1], 'gid_top') or '0') -- the highest id before a fresh range began
  if report.gid > math.max(top, tonumber(redis.call('GET', KEYS[5]) or '0')) then
    return 'host ' .. host .. ' knows gateway id ' .. string.format('%.0f', report.gid) .. ', the ledger does not'
  end
  if report.batch > tonumber(redis.call('GET', KEYS[6]) or '0') then
    return 'host ' .. host .. ' knows batch ' .. string.format('%.0f', report.batch) .. ', the ledger does not'
  end
  for past, n in pairs(report.runs) do
    if n > tonumber(redis.call('HGET', KEYS[1], 'n:' .. past) or '0') then
      return 'host ' .. host .. ' has seen more of run ' .. string.sub(past, 1, 8) .. ' than the ledger holds'
    end
  end
  for _, gid in ipairs(report.ids) do
    if redis.call('HEXISTS', KEYS[7], string.format('%.0f', gid)) == 0 then
      return 'host ' .. host .. ' sent under gateway id ' .. string.format('%.0f', gid) .. ', the ledger forgot it'
    end
  end
end

local own = cjson.decode(ARGV[4])
local is_fallen = redis.call('HEXISTS', KEYS[4], 'fell') == 1
local is_in_force = redis.call('HGET', KEYS[1], 'current') == actual
local why = lacks(ARGV[3], own)
if ARGV[5] == '1' and not why then return { 'force' } end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('EXPIRE', KEYS[3], 604800)
if ARGV[5] ~= '1' then
  redis.call('SADD', KEYS[2], ARGV[3])
  redis.call('HDEL', KEYS[9], ARGV[3]) -- a restored copy may have brought back an old sign-off
end
if ARGV[5] == '1' or is_in_force and not is_fallen then return why and fell(why) or { 'force' } end

local reports, missing, wanted = {}, {}, {}
local flat = redis.call('HGETALL', KEYS[3])
for at = 1, #flat, 2 do reports[flat[at]] = cjson.decode(flat[at + 1]) end
for _, host in ipairs(redis.call('SMEMBERS', KEYS[2])) do wanted[host] = true end
for _, report in pairs(reports) do
  for _, host in ipairs(report.hosts) do wanted[host] = true end
end
for _, host in ipairs(redis.call('SMEMBERS', KEYS[8])) do wanted[host] = reports[host] and true or nil end

local function is_vouched(host, signed)
  for _, report in pairs(reports) do
    local note = report.away and report.away[host]
    if note and note[1] == signed and now - note[2] >= 0 and now - note[2] <= VOUCHED_MS then return true end
  end
  return false
end

local excused, flat_away = {}, redis.call('HGETALL', KEYS[9])
for at = 1, #flat_away, 2 do
  local host, signed = flat_away[at], string.match(flat_away[at + 1], '^%x+')
  if wanted[host] and not reports[host] and is_vouched(host, signed) then
    wanted[host], excused[#excused + 1] = nil, host
  end
end
for host in pairs(wanted) do
  if not reports[host] then missing[#missing + 1] = host end
end
if #missing > 0 then
  table.sort(missing)
  if not is_fallen then -- so that people see why nothing is sent
    redis.call('HSETNX', KEYS[4], 'waits_since', now)
    redis.call('HSET', KEYS[4], 'waits', table.concat(missing, ' '))
  end
  return { 'waits', table.concat(missing, ' ') }
end
for host, report in pairs(reports) do
  local found = lacks(host, report)
  if found then return fell(found) end
end
redis.call('HSET', KEYS[1], 'current', actual)
redis.call('HDEL', KEYS[4], 'fell', 'waits', 'waits_since')
return { 'cleared', table.concat(excused, ' ') }
