"""Listening to servers: one loop, shards, wake-ups."""
