"""Benchmarks: each compares ways of doing the same work, alternately, in one run."""
