"""All of Delta: versions, logs, candidates, commits."""
