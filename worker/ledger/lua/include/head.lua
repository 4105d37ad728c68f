-- Stands before every script. ARGV[1]: the time in ms for tests, '' for Redis' own clock.
-- If verbs are functions of the server, this text runs once for many calls: `begin_…` sets what belongs to one call,
-- and nothing else at the top of a piece is ever changed.

local KEYS, ARGV, now

local function time_ms()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function begin_call(keys, arguments)
  KEYS, ARGV = keys, arguments
  now = time_ms()
end
