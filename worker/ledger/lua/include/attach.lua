-- Files that a message or a campaign needs.

-- Count one more that needs each of these digests, and note them with it.
local function attach(files, hash, field, digests)
  if digests == '' then return end
  redis.call('HSET', hash, field, digests)
  for digest in string.gmatch(digests, '%x+') do redis.call('HINCRBY', files, digest, 1) end
end
