-- Keep a send of a message that this ledger does not have, under the name that the message would have.
-- KEYS: 1 stubs, 2 g, 3 ctl.  ARGV: 1 time or '', 2 what it is known by or '', 3 gateway id, 4 mirror, 5 the batch's lost reference.
-- Returns {'kept'|'stale'}. Afterwards: whatever is enrolled under that key is asked about before it is sent.

if redis.call('HEXISTS', KEYS[3], 'fell') == 0 then return { 'stale' } end
redis.call('HSETNX', KEYS[2], ARGV[3], ARGV[5])
if ARGV[2] == '' then return { 'kept' } end
local line = ARGV[3] .. ' ' .. ARGV[4] .. '\n'
local stub = redis.call('HGET', KEYS[1], ARGV[2]) or ''
if not string.find(stub, line, 1, true) then redis.call('HSET', KEYS[1], ARGV[2], stub .. line) end
return { 'kept' }
