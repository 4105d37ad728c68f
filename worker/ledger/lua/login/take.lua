-- Take a permit for one request that the gateway counts: parallel requests, and requests per minute of each kind.
-- KEYS: 1 slots:<kind>, 2.. limit:<what>.  ARGV: 1 time or '', 2 token, 3 most at once, 4 ms a slot may last,
--       5.. for each limit: most, ms.
-- A request counts from its end (`give_back`), at the latest from the end of its slot, since we cannot know when it
-- arrives. Returns {'taken'} or {'wait', ms}. Nothing is counted unless every limit allows it.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return { 'taken' } end -- the reply was lost
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return { 'wait', 50 } end
for place = 2, #KEYS do
  local most, span = tonumber(ARGV[1 + place * 2]), tonumber(ARGV[2 + place * 2])
  redis.call('ZREMRANGEBYSCORE', KEYS[place], '-inf', now - span)
  if redis.call('ZCARD', KEYS[place]) >= most then
    local oldest = redis.call('ZRANGE', KEYS[place], 0, 0, 'WITHSCORES')
    return { 'wait', math.max(1, math.ceil(tonumber(oldest[2]) + span - now)) }
  end
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[2])
for place = 2, #KEYS do
  redis.call('ZADD', KEYS[place], now + tonumber(ARGV[4]), ARGV[2])
  redis.call('PEXPIRE', KEYS[place], math.max(120000, tonumber(ARGV[2 + place * 2])) + tonumber(ARGV[4]))
end
return { 'taken' }
