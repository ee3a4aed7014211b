"""Drafts and submissions: the way out, as rows."""
