"""Scripts of the queues beside dramatiq's own."""

from __future__ import annotations

# Put one fetched message aside. KEYS: acks, messages, aside. ARGV: its bytes, how many to keep.
# With empty bytes: forget fetched ids that have no message, or an empty one. Returns how many ids were dropped.
PUT_ASIDE = b"""
local dropped = 0
for _, id in ipairs(redis.call("smembers", KEYS[1])) do
    local data = redis.call("hget", KEYS[2], id)
    if (data or "") == ARGV[1] then
        redis.call("srem", KEYS[1], id)
        redis.call("hdel", KEYS[2], id)
        dropped = dropped + 1
        if data then redis.call("rpush", KEYS[3], data) end
    end
end
redis.call("ltrim", KEYS[3], -tonumber(ARGV[2]), -1)
return dropped
"""

# Acknowledge several messages. KEYS: acks, messages. ARGV: their ids.
# One that was given back meanwhile, since this process seemed dead, is another's by now. It goes as a text: if the
# server had forgotten it as a script, it would run after the fetch behind it, and take what was fetched for over.
ACKNOWLEDGE = b"""
for _, id in ipairs(ARGV) do
    if redis.call("srem", KEYS[1], id) > 0 then redis.call("hdel", KEYS[2], id) end
end
"""
