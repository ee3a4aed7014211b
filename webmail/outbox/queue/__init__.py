"""Submissions: how they come into the queue, who moves them on, and when."""
