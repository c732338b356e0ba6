"""Raw files: listed, fetched, looked at, read. Needs neither Spark nor pandas."""
