"""Attached files: what they are, what can be shown of them. Pure."""
