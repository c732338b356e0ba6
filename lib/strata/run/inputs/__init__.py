"""What a table is made from: the rows of its inputs, whole or of the groups that a run touches."""
