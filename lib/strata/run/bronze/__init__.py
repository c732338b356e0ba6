"""Bronze tables: records of raw files."""
