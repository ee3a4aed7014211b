"""Tests of the project as a whole: layers, layout, sizes, things that must never appear."""
