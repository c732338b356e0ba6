"""The writing side: from a plan to a publication."""
