-- Note that answers reached their callers, so that a repeat of these requests is meant.
-- KEYS: what was said to each content.  ARGV: 1 time or '', 2.. the host of each.
-- Returns {'noted'}. Afterwards: what is kept of these requests says so; what is no longer kept stays away.

for place = 1, #KEYS do
  if redis.call('EXISTS', KEYS[place]) == 1 then
    redis.call('HSET', KEYS[place], 'told', '1', 'told:' .. ARGV[place + 1], '1')
  end
end
return { 'noted' }
