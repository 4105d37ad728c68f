-- Remove a template, all of its versions. Campaigns keep the text that they were begun with.
-- KEYS: 1 templates.
-- ARGV: 1 time or '', 2 name, 3 most versions of a name.
-- Returns { versions removed, 0 if there were none }. The name keeps its last number, so that none comes again.

local name = ARGV[2]
local newest = tonumber(redis.call('HGET', KEYS[1], name) or '0')
local removed = 0
for version = math.max(1, newest - tonumber(ARGV[3])), newest do
  removed = removed + redis.call('HDEL', KEYS[1], name .. '@' .. version)
end
return { removed }
