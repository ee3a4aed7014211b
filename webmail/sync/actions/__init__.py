"""Telling servers what users did."""
