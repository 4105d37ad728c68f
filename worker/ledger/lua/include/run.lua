-- The run: which life of which server answers for which ledger. A restart, failover or restored copy changes it (a
-- fail-over there and back shows the same run_id, hence both parts); so does a ledger that is established anew.

local run_id -- kept by a function: it cannot change while the server lives, and its end is the function's too

local function run(run_key)
  local birth = redis.call('HGET', run_key, 'birth')
  run_id = run_id or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return run_id .. '-' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') .. (birth and '-' .. birth or '')
end
