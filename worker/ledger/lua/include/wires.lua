-- What the wire that carried a message means for questions about it.

-- Over SMPP the gateway gives a message no id of ours: it is found by our id in its comment, never by a question about that
-- id, whose answer would always be "not there".
local function is_by_comment(mirror) return string.sub(mirror or '', 1, 4) == 'smpp' end
