"""Tests of the processes: tasks, sweep, watch, the command line and `up`."""
