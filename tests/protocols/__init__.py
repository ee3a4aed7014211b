"""Tests of the protocol clients: bytes on loopback sockets, no Django."""
