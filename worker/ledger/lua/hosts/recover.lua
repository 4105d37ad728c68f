-- A host's journals were taken over; with the last host the ledger goes on, with counters far above all known numbers.
-- KEYS: 1 run, 2 hosts, 3 rollcall:<run>, 4 recovered:<run>, 5 ctl, 6 n:gid, 7 n:batch, 8 gone:<run>.
-- ARGV: 1 time or '', 2 run, 3 host, 4 ids left free above the highest.
-- Returns {'moved', actual} | {'sound'} | {'waits', hosts missing} | {'recovered', gateway id, batch number}.
-- include: run

local actual = run(KEYS[1])
if actual ~= ARGV[2] then return { 'moved', actual } end
if redis.call('HEXISTS', KEYS[5], 'fell') == 0 then return { 'sound' } end
redis.call('SADD', KEYS[4], ARGV[3])
redis.call('EXPIRE', KEYS[4], 604800)

local reports, wanted = {}, {}
local flat = redis.call('HGETALL', KEYS[3])
for at = 1, #flat, 2 do reports[flat[at]] = cjson.decode(flat[at + 1]) end
for _, host in ipairs(redis.call('SMEMBERS', KEYS[2])) do wanted[host] = true end
for _, report in pairs(reports) do
  for _, host in ipairs(report.hosts) do wanted[host] = true end
end
for _, host in ipairs(redis.call('SMEMBERS', KEYS[8])) do wanted[host] = nil end
local missing = {}
for host in pairs(wanted) do
  if not reports[host] or redis.call('SISMEMBER', KEYS[4], host) == 0 then missing[#missing + 1] = host end
end
if #missing > 0 then
  table.sort(missing)
  return { 'waits', table.concat(missing, ' ') }
end

local gid, batch = tonumber(redis.call('GET', KEYS[6]) or '0'), tonumber(redis.call('GET', KEYS[7]) or '0')
for _, report in pairs(reports) do
  gid, batch = math.max(gid, report.gid), math.max(batch, report.batch)
  for past, n in pairs(report.runs) do
    if n > tonumber(redis.call('HGET', KEYS[1], 'n:' .. past) or '0') then redis.call('HSET', KEYS[1], 'n:' .. past, n) end
  end
end
gid, batch = gid + tonumber(ARGV[4]), batch + tonumber(ARGV[4])
redis.call('SET', KEYS[6], string.format('%.0f', gid))
redis.call('SET', KEYS[7], string.format('%.0f', batch))
redis.call('HSET', KEYS[1], 'current', actual)
redis.call('HSET', KEYS[5], 'recovered_at', now)
redis.call('HDEL', KEYS[5], 'fell', 'waits', 'waits_since')
return { 'recovered', string.format('%.0f', gid), string.format('%.0f', batch) }
