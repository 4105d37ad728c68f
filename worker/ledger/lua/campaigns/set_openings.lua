-- Write down when the zones of a campaign are open, if it still has the window and the zones that this was computed for.
-- KEYS: 1 campaign, 2 ready:bulk.
-- ARGV: 1 time or '', 2 id, 3 window, 4 zones, 5 what tells that these are written, 6 '1' if batches that wait for the
--       openings of another window are looked at again, 7.. openings of each zone.
-- Returns {'written'}, {'moved'} if window or zones are others by now, or {'gone'}.

local c = redis.call('HMGET', KEYS[1], 'state', 'window', 'zones')
if not c[1] then return { 'gone' } end
if (c[2] or '') ~= ARGV[3] or (c[3] or '') ~= ARGV[4] then return { 'moved' } end
local written = { 'opened', ARGV[5] }
for place = 7, #ARGV do
  written[#written + 1] = string.format('o%d', place - 7)
  written[#written + 1] = ARGV[place]
end
redis.call('HSET', KEYS[1], unpack(written))
local stale = #ARGV - 6 -- openings of zones that it has no longer, all of them without a window
while redis.call('HDEL', KEYS[1], string.format('o%d', stale)) == 1 do stale = stale + 1 end
if ARGV[6] == '1' then
  local tail = '@' .. ARGV[2]
  for _, ref in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now), '+inf')) do
    -- A score that ends in .5 is that of a batch that may go now.
    if string.sub(ref, -#tail) == tail and tonumber(redis.call('ZSCORE', KEYS[2], ref)) % 1 == 0 then
      redis.call('ZADD', KEYS[2], now, ref)
    end
  end
end
return { 'written' }
