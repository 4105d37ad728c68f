-- Sends from before the ledger fell back that only journals know.
-- include: batch, moves, adoption

-- The name of a batch outside the ledger: its enrolment key or its place in a file. Journals write it down too.
local function known_as(m)
  if SINGLE then return redis.call('HGET', SHARD, number .. 'k') or '' end
  local c = redis.call('HMGET', CAMPAIGN_KEY, 'digest', 'batch_size')
  return c[1] and c[1] .. '/' .. string.format('%.0f', m[FIRST_ROW]) .. '/' .. c[2] or ''
end

-- Was this sent before the ledger fell back? Then it gets those ids, and is asked about, not sent.
local function takes_stub(m, rest)
  if redis.call('EXISTS', STUBS) == 0 then return false end
  local key = known_as(m)
  local stub = key ~= '' and redis.call('HGET', STUBS, key)
  if not stub then return false end
  for gid, mirror in string.gmatch(stub, '(%d+) (%S*)\n') do adopt(m, tonumber(gid), mirror) end
  enter_doubt(m, rest, 'fell', 1000)
  save_batch(m)
  redis.call('HDEL', STUBS, key)
  return true
end
