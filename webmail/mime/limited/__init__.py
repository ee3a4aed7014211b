"""Reading hostile bytes in a process of their own, which may be killed at any moment (security R42, R43)."""
