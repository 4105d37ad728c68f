-- The settling of a batch.
-- include: batch, lanes, moves, campaign, questions

-- A message of a one-time code has ended: make its cascade due now, if that has not ended.
local function wake_code(m)
  if m[LANE] ~= 0 then return end
  local code = redis.call('HGET', SHARD, number .. 'c')
  if code then redis.call('ZADD', CASCADE, 'XX', 'LT', now, code) end
end

-- Every message of the batch has a verdict: it is settled; statuses follow for each message.
local function settle_batch(m, blob, ask_after)
  forget_motion()
  redis.call('ZREM', ready_key(m), ref)
  move(m, SETTLED, 0)
  m[OWNER], m[NONCE], m[LEASE], m[ASKED] = '', '', 0, 0
  local waiting, is_unpaid = open_questions(m, blob)
  for _, id in ipairs(m[IDS]) do
    if id[ID_STATE] == OPEN then redis.call('ZADD', WATCH, now + 3600000, ref) break end
  end
  if m[LANE] == 0 then redis.call('HDEL', SHARD, number .. 't') end -- a code's text is removed as soon as it is settled
  if waiting or is_unpaid then
    redis.call('ZADD', asks_key(m), now + ask_after, ref)
  else
    forget_asks()
    if m[KEY] ~= nil and SINGLE then redis.call('ZADD', ENDED, now, ref) end
  end
  if not waiting then wake_code(m) end
  finish_campaign()
end
