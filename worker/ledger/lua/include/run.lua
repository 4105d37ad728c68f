-- The run: one life of one server with one ledger. A restart, a failover or a restored copy changes it (after a failover
-- and back run_id is the same, hence both parts), and so does establishing the ledger anew.

local run_id -- a function keeps it: it cannot change while the server lives, and the function does not outlive the server

local function run(run_key)
  local birth = redis.call('HGET', run_key, 'birth')
  run_id = run_id or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return run_id .. '-' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') .. (birth and '-' .. birth or '')
end
