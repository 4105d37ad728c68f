-- Put entries on the list of opt-outs, or take them off.
-- KEYS: 1 opt-outs, 2 ctl.
-- ARGV: 1 time or '', 2 'add'|'remove', 3.. for each entry: its name, and when it is added what is said of it.
-- Returns {how many changed, how many there are now}. Afterwards: an entry that was there keeps its date and reason.
-- Whatever is added raises the number by which batches know that they were screened before; claims compare it.

local changed, hashed = 0, 0
if ARGV[2] == 'add' then
  for at = 3, #ARGV, 2 do
    if redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1]) == 1 then
      changed = changed + 1
      if string.find(ARGV[at], ':~', 1, true) then hashed = hashed + 1 end
    end
  end
  if changed > 0 then redis.call('HINCRBY', KEYS[2], 'screen', 1) end
  if hashed > 0 then redis.call('HINCRBY', KEYS[2], 'screen:hashed', hashed) end
else
  for at = 3, #ARGV do
    if redis.call('HDEL', KEYS[1], ARGV[at]) == 1 then
      changed = changed + 1
      if string.find(ARGV[at], ':~', 1, true) then hashed = hashed + 1 end
    end
  end
  if hashed > 0 then redis.call('HINCRBY', KEYS[2], 'screen:hashed', -hashed) end
end
return { changed, redis.call('HLEN', KEYS[1]) }
