"""Test inputs, made here or by others; see README.md."""
