-- Whether the window of a batch's campaign is open in the zone of the batch.
-- include: batch

local LOOK_AGAIN_MS = 1000 -- if nobody has written down yet when it is open
local NEVER_AGAIN_MS = 60000 -- if it never is: longer than a batch counts as handed out, which leaves its place to others

-- How many ms the batch must wait, 0 if its window is open. `zones`, `window`, `opened`: of its campaign; without zones
-- there is one, of the scheduler's machine. The openings are pairs of Unix seconds, in order. `opened` ends with the
-- window that they are of: those of another window are not believed.
local function closed_ms(zones, window, opened)
  if string.match(opened or '', '^%S+ %S+ (.*)$') ~= window then return LOOK_AGAIN_MS end
  local zone = zones and zones ~= '' and redis.call('HGET', SHARD, number .. 'z') or '0'
  local openings = redis.call('HGET', CAMPAIGN_KEY, 'o' .. zone) or ''
  for at = 1, #openings, 8 do
    local from, till = struct.unpack('>I4I4', openings, at)
    if till == 0 then return NEVER_AGAIN_MS end
    if now < from * 1000 then return from * 1000 - now end
    if now < till * 1000 then return 0 end
  end
  return LOOK_AGAIN_MS
end
