"""The rules of sending and of settling doubt as a model that is explored exhaustively.

`states` says what a state holds, `rules` what each verb of the ledger does to a batch, `gateway` what the gateway may
do, `steps` what workers, askers and operators do, `promises` what must hold. `explorer` walks it all, `worlds` says
how far, `mutations` which rule is left out and what must break then. `rollcall` is a world of its own: a ledger that
falls back, `lane` another: workers who claim the next batch by themselves. `tests/promises/safeguards` is the list of
the rules, with a test of the real parts for each.
"""
