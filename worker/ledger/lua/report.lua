-- The roll call: a host reports for a new run; when every host has, the run comes into force or the ledger fell back.
-- KEYS: 1 run, 2 hosts, 3 rollcall:<run>, 4 ctl, 5 n:gid, 6 n:batch, 7 g, 8 gone:<run>.
-- ARGV: 1 time or '', 2 run, 3 host, 4 report as JSON {gid, batch, runs: {run: n}, ids: [gid], hosts: [host]}.
-- Returns {'moved', actual} | {'force'} | {'waits', hosts missing} | {'cleared'} | {'fell', why}.
-- Afterwards: a run is in force only if the ledger contains everything that every host knows.

local actual = run()
if actual ~= ARGV[2] then return { 'moved', actual } end
if redis.call('HGET', KEYS[1], 'current') == actual then return { 'force' } end
redis.call('HDEL', KEYS[3], '') -- a first write that a full server allows
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('EXPIRE', KEYS[3], 604800)
redis.call('SADD', KEYS[2], ARGV[3])

local reports, missing, wanted = {}, {}, {}
local flat = redis.call('HGETALL', KEYS[3])
for at = 1, #flat, 2 do reports[flat[at]] = cjson.decode(flat[at + 1]) end
for _, host in ipairs(redis.call('SMEMBERS', KEYS[2])) do wanted[host] = true end
for _, report in pairs(reports) do
  for _, host in ipairs(report.hosts) do wanted[host] = true end
end
for _, host in ipairs(redis.call('SMEMBERS', KEYS[8])) do wanted[host] = reports[host] and true or nil end
for host in pairs(wanted) do
  if not reports[host] then missing[#missing + 1] = host end
end
if #missing > 0 then
  table.sort(missing)
  return { 'waits', table.concat(missing, ' ') }
end

local function fell(why)
  redis.call('HSET', KEYS[4], 'fell', why)
  return { 'fell', why }
end
for host, report in pairs(reports) do
  if report.gid > tonumber(redis.call('GET', KEYS[5]) or '0') then
    return fell('host ' .. host .. ' knows gateway id ' .. string.format('%.0f', report.gid) .. ', the ledger does not')
  end
  if report.batch > tonumber(redis.call('GET', KEYS[6]) or '0') then
    return fell('host ' .. host .. ' knows batch ' .. string.format('%.0f', report.batch) .. ', the ledger does not')
  end
  for past, n in pairs(report.runs) do
    if n > tonumber(redis.call('HGET', KEYS[1], 'n:' .. past) or '0') then
      return fell('host ' .. host .. ' has seen more of run ' .. string.sub(past, 1, 8) .. ' than the ledger holds')
    end
  end
  for _, gid in ipairs(report.ids) do
    if redis.call('HEXISTS', KEYS[7], string.format('%.0f', gid)) == 0 then
      return fell('host ' .. host .. ' sent under gateway id ' .. string.format('%.0f', gid) .. ', the ledger forgot it')
    end
  end
end
redis.call('HSET', KEYS[1], 'current', actual)
redis.call('HDEL', KEYS[4], 'fell')
return { 'cleared' }
