"""Tests of the POP3 client."""
