"""What a table is made from: its inputs whole, or of the groups that a run touches (`read`).

Before it, `schedule` has waited for the tables that this one reads. After it, `rows` makes the
candidate of what was read, and `way` decides how its rows are made.
"""
