"""Our own check of who sent a message, where its mail server says nothing: DKIM and ARC. The only place that asks DNS for it."""
