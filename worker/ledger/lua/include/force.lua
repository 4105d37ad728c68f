-- Whether the run of the answering server is the one in force.
-- include: batch, run

local function in_force()
  local actual = run(RUN)
  return redis.call('HGET', RUN, 'current') == actual, actual
end
