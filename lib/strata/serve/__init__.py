"""The reading side: published tables and rejected rows."""
