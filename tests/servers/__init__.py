"""Real servers the tests talk to, each a private instance on loopback. Nothing here knows pytest or Django."""
