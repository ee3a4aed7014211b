"""Keys and commands: what can be done by keyboard, under which name, and by which keys of whom."""
