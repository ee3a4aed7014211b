"""A running site with its own Redis, for the tests that need everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.site import Site
from tests.servers.dovecot import DovecotServer
from tests.servers.process import ServerUnavailable
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def doorbell() -> Iterator[RedisServer]:
    """A Redis of its own: tests stop it."""
    try:
        server = RedisServer().start()
    except ServerUnavailable as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(doorbell: RedisServer, dovecot: DovecotServer) -> Iterator[Site]:
    """One site for the tests of a module; each uses people of its own."""
    running = Site(redis_url=doorbell.url, ca_file=str(dovecot.ca_file))
    try:
        yield running.start()
    finally:
        running.close()
