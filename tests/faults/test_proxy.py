"""The cutting proxy itself: each way to spoil a line does what it says, and nothing else."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fakes.cutting_proxy import FROM_CLIENT, FROM_SERVER, CuttingProxy
from tests.fakes.smtp import RecordingSmtpSink


@pytest.fixture
def proxy() -> Iterator[CuttingProxy]:
    with RecordingSmtpSink() as sink, CuttingProxy(port=sink.port) as server:
        yield server


@contextmanager
def client(proxy: CuttingProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as made:
        yield made


def say(line: socket.socket, command: bytes) -> bytes:
    line.sendall(command)
    return line.recv(10_000)


def seconds_of(line: socket.socket, command: bytes) -> float:
    begin = time.monotonic()
    say(line, command)
    return time.monotonic() - begin


def test_little_bandwidth_takes_its_time(proxy: CuttingProxy) -> None:
    with client(proxy) as line:
        line.recv(100)
        proxy.bytes_per_s = 100
        assert seconds_of(line, b"NOOP\r\n") >= 0.06 + 0.1


def test_latency_is_added_each_way(proxy: CuttingProxy) -> None:
    with client(proxy) as line:
        line.recv(100)
        proxy.latency_s = 0.05
        assert seconds_of(line, b"NOOP\r\n") >= 0.1


@pytest.mark.parametrize(("direction", "heard"), [(FROM_CLIENT, 0), (FROM_SERVER, 1)])
def test_one_way_line_holds_one_direction(direction: str, heard: int) -> None:
    with RecordingSmtpSink() as sink, CuttingProxy(port=sink.port) as proxy, client(proxy) as line:
        line.recv(100)
        proxy.holds = {direction}
        line.settimeout(0.1)
        with pytest.raises(TimeoutError):
            say(line, b"NOOP\r\n")
        assert sink.commands.count(b"NOOP\r\n") == heard
        proxy.heal()
        line.settimeout(5)
        assert line.recv(100).startswith(b"250")


def test_black_hole_may_end_in_a_close(proxy: CuttingProxy) -> None:
    with client(proxy) as line:
        line.recv(100)
        proxy.is_black_hole, proxy.hole_ends_s = True, 0.05
        assert say(line, b"NOOP\r\n") == b""


def test_slow_close_is_heard_late(proxy: CuttingProxy) -> None:
    with client(proxy) as line:
        line.recv(100)
        proxy.slow_close_s = 0.1
        assert say(line, b"QUIT\r\n").startswith(b"221")
        begin = time.monotonic()
        assert line.recv(100) == b""
        assert time.monotonic() - begin >= 0.08


def test_answer_with_a_pattern_comes_late_and_once(proxy: CuttingProxy) -> None:
    with client(proxy) as line:
        line.recv(100)
        proxy.delay_before(FROM_SERVER, b"250", 0.1)
        assert seconds_of(line, b"NOOP\r\n") >= 0.1
        assert seconds_of(line, b"NOOP\r\n") < 0.1


def test_reset_is_no_end_of_file(proxy: CuttingProxy) -> None:
    with client(proxy) as line:
        line.recv(100)
        proxy.drop_connections()
        with pytest.raises(ConnectionResetError):
            line.recv(100)
