"""What looks after stored tables: doctor, maintenance, erasure."""
