"""Tests of the bundled demo server and of the fakes that stand on it."""
