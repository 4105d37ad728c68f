-- Keep a template under a name, as a new version unless the newest one says the same.
-- KEYS: 1 templates.
-- ARGV: 1 time or '', 2 name, 3 language or '', 4 text, 5 who adds it, 6 most versions of a name.
-- Returns { version, 1 if it was added, else 0 } or { 'full' }.
-- A number never comes again, not even behind a removal: a campaign remembers the name and the version that it was.

local name, language, text = ARGV[2], ARGV[3], ARGV[4]
local newest = tonumber(redis.call('HGET', KEYS[1], name) or '0')
local raw = newest > 0 and redis.call('HGET', KEYS[1], name .. '@' .. newest)
if raw then
  local kept = cmsgpack.unpack(raw)
  if kept[1] == text and kept[2] == language then return { newest, 0 } end
end
local oldest = newest - tonumber(ARGV[6]) + 1
if oldest > 0 and redis.call('HEXISTS', KEYS[1], name .. '@' .. oldest) == 1 then return { 'full' } end
newest = newest + 1
redis.call('HSET', KEYS[1], name, newest, name .. '@' .. newest, cmsgpack.pack({ text, language, now, ARGV[5] }))
return { newest, 1 }
