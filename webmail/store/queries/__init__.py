"""Everything that is read, each query scoped by user or account: what a person may not see does not exist (security R56)."""
