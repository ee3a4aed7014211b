"""Tests of the SMTP client."""
