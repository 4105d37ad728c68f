-- Our own verdicts.
-- include: receipts, totals, money

-- Give every undecided message a verdict of our own (late, cancelled, refused); only while no id is open.
local function decide_rest(m, blob, status, err)
  local rest = undecided(m, blob)
  local changes = {}
  local verdict = struct.pack('>BBBI4I4', status, err, 0, 0, math.floor(now / 1000))
  for _, index in ipairs(rest) do changes[index] = verdict end
  blob = splice(m, blob, changes)
  save_receipts(blob)
  count_unpriced(#rest * unpriced_in(m, verdict))
  if UNDECIDED[m[STATE]] then count(UNDECIDED[m[STATE]], -#rest) end
  count(NAME[status], #rest)
  count_forever(m, NAME[status], #rest)
  return blob
end
