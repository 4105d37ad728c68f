-- What is still to be asked about a batch.
-- include: receipts

-- What is still to be asked about a settled batch: is a message not final, and is a cost not told?
local function open_questions(m, blob)
  local is_unpaid = m[UNTOLD] ~= nil and string.find(m[UNTOLD], '1', 2, true) ~= nil
  for index = 0, m[COUNT] - 1 do
    if not FINAL[status_at(blob, index)] then return true, is_unpaid end
  end
  return false, is_unpaid
end
