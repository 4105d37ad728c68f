-- What new facts mean for their batch.
-- include: batch, lanes, receipts, proofs, campaign, questions, settled, doubts

-- After facts: does every message have a verdict now? A found phone does not end `sending`.
local function conclude(m, blob, ask_after)
  local rest = undecided(m, blob)
  if m[STATE] ~= SENDING and m[STATE] ~= SETTLED and #rest == 0 then
    for place, id in ipairs(m[IDS]) do
      if id[ID_STATE] == OPEN and is_proved(m, blob, place) then id[ID_STATE] = ACCEPTED_ID end
    end
    count_doubt(m, 'found')
    settle_batch(m, blob, ask_after)
  elseif m[STATE] == SETTLED then
    local waiting, is_unpaid = open_questions(m, blob)
    if waiting or is_unpaid then -- perhaps for the second time: a message that we ended was accepted after all
      redis.call('ZADD', asks_key(m), 'NX', now + ask_after, ref)
      redis.call('ZREM', ENDED, ref)
    else
      forget_asks()
      if SINGLE then redis.call('ZADD', ENDED, 'NX', now, ref) end
    end
    if not waiting then wake_code(m) end
    finish_campaign()
  end
end
