"""SMTP as a client."""
