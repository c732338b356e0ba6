"""What the gate says of a candidate that is written, and what the ledger notes of it."""
