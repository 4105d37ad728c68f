-- Count a page to the people on call, if a limit allows it.
-- KEYS: 1 pages.  ARGV: 1 time or '', 2 the page's digest, 3 most in the span, 4 the span in ms.
-- Returns {'taken'} or {'held', number of the span since 1970}: by that number the text that others wait is sent once.
-- The same page counts once, so that a repeat after a lost reply is allowed as it was.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[4]))
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return { 'taken' } end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  return { 'held', math.floor(now / tonumber(ARGV[4])) }
end
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[4]))
return { 'taken' }
