-- The log of a campaign: what was done to it, by whom and when, with values before and after. Never a phone or a text.
-- It keeps its first entry, which tells who began the campaign, and the newest ones. A verb notes only what changed
-- something, behind a first write that a full server allows: a repeat of it changes nothing and notes nothing.

local MOST_ENTRIES = 500

-- `by` is who: `user anna`, `key shop`, `scheduler`. `changes` is a flat list: a name, its value before and after, ''
-- for none.
local function note_in_log(log, by, what, why, changes)
  redis.call('RPUSH', log, cmsgpack.pack({ now, by, what, why, changes }))
  if redis.call('LLEN', log) > MOST_ENTRIES then
    redis.call('LSET', log, 1, '')
    redis.call('LREM', log, 1, '')
  end
end
