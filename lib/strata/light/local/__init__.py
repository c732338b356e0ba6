"""The path on this machine: columns by Arrow, folders in place of queues and tables."""
