-- Claim the next ready batch of a lane, in the order in which they were handed out.
-- KEYS: as of a batch, but the first three are prefixes of the names of its hash and its campaign; then the calls
--       that were repeated.  ARGV[2], ARGV[3]: ''.
-- ARGV: 4 nonce, 5 owner, 6 mirror, 7 lease ms, 8 parallel sends, 9 urgent slots, 10 ms a slot is kept past the
--       lease, 11 fingerprint of the credentials, 12 segments per second or '', 13 whose call this
--       is or '', 14 which of theirs, 15 '1' if it is repeated, 16 the lane of which is told how much is left, or ''.
-- Returns what `claim.lua` returns; {'none'} if nothing is ready, {'more'} if too many batches were looked at in vain.
-- Afterwards: as after a claim. A batch that may not go now is passed over.
-- include: awake, batch, claiming, force

local MOST_LOOKS, MOST_READ = 8, 64
local lane = tonumber(ARGV[16])

local function take(each)
  local campaign = string.match(each, '@(.+)$')
  ref, number, SINGLE = each, string.match(each, '^%d+'), campaign == nil
  SHARD = KEYS[1] .. string.format('%.0f', math.floor(tonumber(number) / BATCHES_IN_A_SHARD))
  CAMPAIGN_KEY = KEYS[2] .. (campaign or '-')
  HELD = CAMPAIGN_KEY .. ':h'
end

-- The batch that an earlier try of this call was given; only as many are being sent as there are slots.
local function find()
  local _, actual = in_force()
  for _, each in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
    take(each)
    local m = load_batch()
    local same = m and granted_again(in_motion(m), actual)
    if same then return same end
  end
end

local ENDS = { claimed = true, halted = true, later = true, slot = true, unscreened = true }

local function claim_next()
  local looks, seen, kept_back = 0, {}, {}
  for _, many in ipairs({ 1, MOST_READ }) do
    local found = redis.call('ZRANGEBYSCORE', ready_of(lane), '-inf', handed_out(lane), 'WITHSCORES', 'LIMIT', 0, many)
    for at = 1, #found, 2 do
      local each, score = found[at], tonumber(found[at + 1])
      local campaign = string.match(each, '@(.+)$') or each
      if not seen[each] and not kept_back[campaign] and (score <= now or score % 1 > 0) then
        if looks == MOST_LOOKS then return { 'more' } end
        looks, seen[each] = looks + 1, true
        take(each)
        local reply = claim_one()
        if ENDS[reply[1]] then return reply end
        if reply[1] == 'paced' then kept_back[campaign] = true end
      end
    end
    if #found < 2 * many then break end
  end
  return { 'none' }
end

return as_called(claim_next, find, take)
