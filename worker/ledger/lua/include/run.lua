-- The run: which life of which server answers for which ledger. A restart, failover or restored copy changes it (a
-- fail-over there and back shows the same run_id, hence both parts); so does a ledger that is founded anew.

local function run(run_key)
  local birth = redis.call('HGET', run_key, 'birth')
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
    .. '-' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') .. (birth and '-' .. birth or '')
end
