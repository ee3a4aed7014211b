"""Pages about people and their accounts: signing in, connecting mailboxes, settings."""
