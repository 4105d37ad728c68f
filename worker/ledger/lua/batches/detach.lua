-- A message, or a campaign, needs its files no more.
-- KEYS: 1 the hash with its list of files, 2 files.  ARGV: 1 time or '', 2 the field of that list.
-- Returns {'detached'}, or {'none'} if it had none, or they were detached already.
-- Afterwards: a digest that nobody needs is not in `files`, so its file is removed from the disks.

local held = redis.call('HGET', KEYS[1], ARGV[2])
if not held then return { 'none' } end
redis.call('HDEL', KEYS[1], ARGV[2])
for digest in string.gmatch(held, '%x+') do
  if redis.call('HINCRBY', KEYS[2], digest, -1) <= 0 then redis.call('HDEL', KEYS[2], digest) end
end
return { 'detached' }
