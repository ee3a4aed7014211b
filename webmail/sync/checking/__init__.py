"""Connection tests: what is wrong with a server, in plain words."""
