"""What comes back about sent mail, and what we answer to it."""
