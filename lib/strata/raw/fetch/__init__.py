"""Files from elsewhere: places named by `--from`, and downloads."""
