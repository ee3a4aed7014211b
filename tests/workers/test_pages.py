"""The processes that answer requests share one port."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest

from tests.servers.ports import free_port
from webmail.workers import pages


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one process")
def test_several_processes_listen_on_one_port() -> None:
    port = free_port()
    sockets = [pages.listening_socket("127.0.0.1", port) for _turn in range(2)]
    names = {one.getsockname() for one in sockets}
    for one in sockets:
        one.close()

    assert names == {("127.0.0.1", port)}


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with contextlib.closing(pages.listening_socket("127.0.0.1", free_port())) as listening:
        # asyncio sets TCP_NODELAY for connections of sockets whose protocol is named.
        assert listening.proto == socket.IPPROTO_TCP


def test_there_is_at_least_one_and_never_more_than_a_few() -> None:
    assert 1 <= pages.number_of_processes() <= pages.MAX_PROCESSES
