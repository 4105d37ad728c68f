-- An id that the ledger had forgotten.
-- include: batch, ids

-- Add an id that a journal has for this batch and the ledger forgot: it is open, and its window begins now. The fence
-- jumps, so that no answer to a forgotten claim is taken for one to a later claim.
local function adopt(m, gid, mirror)
  if find_id(m, gid) then return end
  for _, id in ipairs(m[IDS]) do -- its second copy may have left already: there is no third
    if m[POLICY] == RESEND and m[RESENT] == 0 and id[ID_STATE] ~= ABSENT then m[RESENT] = BY_SENDER end
  end
  m[IDS][#m[IDS] + 1] = { gid, OPEN, mirror, now, '', '', 0 }
  m[FENCE], m[CLAIMS] = m[FENCE] + 1000, m[CLAIMS] + 1
  redis.call('HSET', IDS_KEY, gid, ref)
end
