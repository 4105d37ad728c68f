-- Whether the run of the server that answers is the one in force.
-- include: batch, run

local function in_force()
  local actual = run(RUN)
  return redis.call('HGET', RUN, 'current') == actual, actual
end
