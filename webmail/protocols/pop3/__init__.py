"""POP3 as a client."""
