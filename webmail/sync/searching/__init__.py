"""Passing a search on to the mail server."""
