-- Begin a campaign under the digest of its file, text and options.
-- KEYS: 1 digest record, 2 campaign, 3 campaigns, 4 run, 5 ctl, 6 the campaign known by that digest, if there is one,
--       7 live, 8 stubs, 9 rows left out, 10 files, 11 its log, 12 the retries of its
--       origin, 13 its origin, 14 its origin's log (its own names without one), 15 the campaign that was begun in its
--       origin's place (its own name without one), 16.. unfinished campaigns whose rows are among those, then all that
--       its rows were compared with.
-- ARGV: 1 time or '', 2 id, 3 '1' if a finished one is to be begun anew, 4 id of the known one as it was seen or '',
--       5 the digest, 6 messages of a batch, 7 the rows left out or '', 8 digests of its files, 9 by whom,
--       10 with what, packed as the changes of its log, 11 how many retries its origin had, '' if it is no retry, 12 the
--       rows of a retry, 13 what it is to its origin, '' without one, 14 id of the campaign in its origin's place
--       as it was seen or '', 15 what its rows were compared with, packed: how many unfinished ones KEYS names, which
--       campaigns there were, how many rows each of the compared ones had; '' if nothing was, 16.. fields and values.
-- Returns {'created', messages of a batch}, {'known', id}, {'moved'}, {'taken'}, {'mixed'}, {'others'} if
-- since the comparison another was begun or took rows, {'retried'} if
-- another retry was begun meanwhile, {'orphan'} if its origin is no longer kept, {'halted', why}, and of an edit
-- {'replaced', id} if another campaign is in its origin's place, {'begun', state} if its origin is over or anything of
-- it was handed out, {'unheld'} if that is not paused. One that is begun in its place stays there, be it finished,
-- unless it was cancelled before anything of it was handed out.
-- Stubs know a batch by its place in the file, so the file is cut into the same batches again. A campaign that is still
-- being enrolled takes no further rows until its producer has compared them with those of this one.
-- include: run, audit, place

local known = redis.call('GET', KEYS[1])
if (known or '') ~= ARGV[4] then return { 'moved' } end
if known then
  local state = redis.call('HGET', KEYS[6], 'state')
  local is_over = not state or state == 'done' or state == 'cancelled'
  if not (ARGV[3] == '1' and is_over) then return { 'known', known } end
end
local actual = run(KEYS[4])
if redis.call('HEXISTS', KEYS[5], 'fell') == 1 then return { 'halted', 'fell' } end
if redis.call('HGET', KEYS[4], 'current') ~= actual then return { 'halted', 'run' } end
if redis.call('EXISTS', KEYS[2]) == 1 then return { 'taken' } end
if ARGV[13] ~= '' and redis.call('HEXISTS', KEYS[13], 'name') == 0 then return { 'orphan' } end
if ARGV[13] == 'edit' then
  local o = redis.call('HMGET', KEYS[13], 'replaced_by', 'state', 'fed')
  if (o[1] or '') ~= ARGV[14] then return { 'moved' } end
  if o[1] and has_place(redis.call('HMGET', KEYS[15], 'state', 'fed')) then return { 'replaced', o[1] } end
  if o[2] == 'done' or o[2] == 'cancelled' or o[3] ~= '0' then return { 'begun', o[2] } end
  if o[2] ~= 'paused' then return { 'unheld' } end
end
local compared, last_overtaken = ARGV[15] ~= '' and cmsgpack.unpack(ARGV[15]), #KEYS
if compared then
  last_overtaken = 15 + compared[1]
  local kept = redis.call('ZCARD', KEYS[3]) .. ' ' .. (redis.call('ZREVRANGE', KEYS[3], 0, 0)[1] or '')
  if kept ~= compared[2] then return { 'others' } end
  for place, rows in ipairs(compared[3]) do
    if tonumber(redis.call('HGET', KEYS[last_overtaken + place], 'rows') or '0') ~= rows then return { 'others' } end
  end
end
if ARGV[11] ~= '' and redis.call('HLEN', KEYS[12]) ~= tonumber(ARGV[11]) then return { 'retried' } end
local size = ARGV[6]
if redis.call('EXISTS', KEYS[8]) == 1 then
  local before
  for _, known_as in ipairs(redis.call('HKEYS', KEYS[8])) do
    local digest, then_size = string.match(known_as, '^(%S+)/%d+/(%d+)$')
    if digest == ARGV[5] then
      if before and before ~= then_size then return { 'mixed' } end
      before = then_size
    end
  end
  size = before or size
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'state', 'enrolling', 'ranges', 0, 'batches', 0, 'fed', 0, 'rows', 0, 'parts', 0, 'cost', 0,
  'created_at', now)
for at = 16, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1]) end
redis.call('HSET', KEYS[2], 'digest', ARGV[5], 'batch_size', size)
if ARGV[7] ~= '' then redis.call('SET', KEYS[9], ARGV[7]) end
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[2], 'files', ARGV[8])
  for digest in string.gmatch(ARGV[8], '%x+') do redis.call('HINCRBY', KEYS[10], digest, 1) end
end
for place = 16, last_overtaken do
  if redis.call('HEXISTS', KEYS[place], 'name') == 1 then redis.call('HSET', KEYS[place], 'overtaken', ARGV[2]) end
end
if ARGV[13] ~= '' then
  if ARGV[11] ~= '' then redis.call('HSET', KEYS[12], ARGV[2], ARGV[12]) end
  redis.call('HSET', KEYS[13], 'needed_by', ARGV[2])
  if ARGV[13] == 'edit' then redis.call('HSET', KEYS[13], 'replaced_by', ARGV[2]) end
  note_in_log(KEYS[14], ARGV[9], ARGV[13], '', { 'campaign', '', ARGV[2] })
end
redis.call('ZADD', KEYS[3], now, ARGV[2])
redis.call('ZADD', KEYS[7], now, ARGV[2])
note_in_log(KEYS[11], ARGV[9], 'begin', '', cmsgpack.unpack(ARGV[10]))
return { 'created', size }
