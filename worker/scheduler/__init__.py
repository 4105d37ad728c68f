"""One leader, several duties, one file each, and the loop with their table.

Never a send or a question: a duty looks at the ledger, changes it by a verb or gives a hint. No safety rests on there
being one leader.
"""
