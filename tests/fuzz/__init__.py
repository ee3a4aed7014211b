"""Mutation fuzzing of everything that reads a message (security R46). `make fuzz` for as long as SECONDS says; never a clock alone:
each case has a number, and `python -m tests.fuzz --seed S --case N` repeats it."""
