-- Remove a batch that was kept long enough, with its gateway ids and its places in every set and gauge.
-- ARGV: none of its own.  Returns {'gone'}; repeating it changes nothing.
-- include: batch, receipts, totals, beside

local m = load_batch()
if m then
  in_motion(m)
  local blob, accepted = load_receipts(m), 0
  for index = 0, m[COUNT] - 1 do
    if status_at(blob, index) == ACCEPTED then accepted = accepted + 1 end
  end
  add_gauge(m, m[STATE], -1)
  if accepted > 0 then redis.call('HINCRBY', TOTALS, 'pending', -accepted) end -- Redis 7.0 takes no -0
  for _, id in ipairs(m[IDS]) do redis.call('HDEL', IDS_KEY, id[GID]) end
  redis.call('HDEL', SHARD, number .. 'm', number .. 'p', number .. 't', number .. 'w', number .. 'r', number .. 'k',
    number .. 'o', number .. 'c', number .. 'h', number .. 's', number .. 'v', number .. 'q', number .. 'l', number .. 'z')
  if m[BESIDE] then
    for index = 0, m[COUNT] - 1, BESIDE_SIZE do redis.call('HDEL', SHARD, beside_key(index)) end
  end
end
return unknown_batch()
