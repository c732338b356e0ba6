"""One module a file format: how records are found in it, and how they are read."""
