"""IMAP as a client."""
