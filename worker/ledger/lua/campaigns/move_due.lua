-- Move batches whose moment has come to the lists of their zones, from which they are handed out.
-- KEYS: 1 campaign, 2 its batches with a moment, 3.. the lists of its zones, in the order of its table.
-- ARGV: 1 time or '', 2 how many at most.
-- Returns {'moved', how many}. Afterwards the campaign has the moment of the first that is left, '' for none. A zone that
-- its producer has added meanwhile has no list here: its batches wait for the next call.
-- include: zones

local function list_of(zone) return KEYS[3 + zone] end

local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[2])
local packed, moved = {}, {}
for _, each in ipairs(due) do
  local number, zone = string.match(each, '^(%d+)/(%d+)$')
  zone = tonumber(zone)
  if list_of(zone) then
    packed[zone] = (packed[zone] or '') .. struct.pack('>I4', tonumber(number))
    moved[#moved + 1] = each
  end
end
if #moved > 0 then
  local left = add_to_zones(redis.call('HGET', KEYS[1], 'zone_left') or '', list_of, packed)
  redis.call('HSET', KEYS[1], 'zone_left', left)
  redis.call('ZREM', KEYS[2], unpack(moved))
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'moment', first[2] or '') end
return { 'moved', #moved }
