-- Our own verdicts.
-- include: receipts, totals, money

-- Give these undecided messages a verdict of our own; only while no id of theirs is open.
local function decide(m, blob, indices, status, err)
  local changes = {}
  local verdict = struct.pack('>BBBI4I4', status, err, 0, 0, math.floor(now / 1000))
  for _, index in ipairs(indices) do changes[index] = verdict end
  blob = splice(m, blob, changes)
  save_receipts(blob)
  count_unpriced(#indices * unpriced_in(m, verdict))
  if UNDECIDED[m[STATE]] then count(UNDECIDED[m[STATE]], -#indices) end
  count(NAME[status], #indices)
  count_forever(m, NAME[status], #indices)
  return blob
end

-- Give every undecided message a verdict of our own (late, cancelled, refused); only while no id is open.
local function decide_rest(m, blob, status, err) return decide(m, blob, undecided(m, blob), status, err) end
