-- Claim a ready batch to send it: draw a fresh gateway id, and write down who sends what, to which mirror, until when.
-- KEYS: of the batch, then the calls that were repeated.
-- ARGV: 4 nonce, 5 owner, 6 mirror, 7 lease ms, 8 parallel sends, 9 urgent slots, 10 ms a slot is kept past the
--       lease, 11 fingerprint of the credentials, 12 segments per second or '', 13 whose call this
--       is or '', 14 which of theirs, 15 '1' if it is repeated, 16 the lane of which is told how much is left, or ''.
-- Returns {'claimed', gid, fence, lease until, run, n, meta, recipients, texts, members, campaign text, options, what it is known by,
--   reference} or {'never'|'gone'|'taken'|'settled'|'paused'}, {'halted', why}, {'later', ms}, {'paced', ms}, {'closed', ms}, {'slot'},
--   {'unscreened', reference} if the list of opt-outs has grown since it was screened, or
--   {'over'} for a copy of a call that was answered otherwise; behind it how many are left in the lane.
-- Afterwards: either the id is known as open, durably and before a byte leaves, or nothing was granted.
-- include: claiming

return as_called(claim_one, function() end, function() end)
