"""Tests of the operator's panel."""
