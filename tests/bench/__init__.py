"""Benchmarks: `make bench` prints tables and writes var/bench/<date>.json. Never part of the test suite."""
