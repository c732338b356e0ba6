"""What the gate says of a candidate that is written, and what the ledger notes of it.

Before it, the rejected rows have gone to the quarantine. After it, `publish`, if every table of the
run has passed.
"""
