-- Whether a batch must be screened before it is claimed: the list of those who may not be sent to has grown since it was
-- screened, or a cap is set and its messages are not counted yet.
-- include: batch

-- `current`: the number of the list now, nil if there never was one. `at_enrolment`: that of the batch's campaign. One-time
-- codes, and messages that go even to those who opted out, are not screened.
local function is_unscreened(current, at_enrolment)
  if not current or tonumber(at_enrolment or '0') >= tonumber(current) then return false end
  local own = redis.call('HMGET', SHARD, number .. 'v', number .. 'c')
  if own[2] or own[1] == EXEMPT then return false end
  return tonumber(own[1] or '0') < tonumber(current)
end

local function is_uncounted(cap, own_cap)
  return not SINGLE and (cap or own_cap) and redis.call('HEXISTS', SHARD, number .. 'q') == 0
end
