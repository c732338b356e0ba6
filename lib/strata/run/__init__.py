"""The writing side. `plan` tells what a run would do; `run` does it under the feed's lease, and
calls `build` for each table; `publish` makes the row that shows them all.
"""
