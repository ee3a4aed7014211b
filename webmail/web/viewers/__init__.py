"""How each kind of attached file is looked at: one module a kind, and `registry` asks them in turn."""
