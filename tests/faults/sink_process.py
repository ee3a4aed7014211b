"""The recording sink in a process of its own: it must not share a processor lock with the clients of a storm.

It takes its time at random before it keeps a message, and between keeping it and saying so: that is where a kill leaves doubt.
Run as `python -m tests.faults.sink_process` it prints its port and answers each line of JSON.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Self

from tests.fakes.smtp import RecordingSmtpSink, Script
from tests.faults.tokens import TOKEN

PROJECT = Path(__file__).resolve().parents[2]
SLOW_SHARE = 0.35
LONGEST_S = 0.6


class SinkProcess:
    """The test's side."""

    def __init__(self, *, seed: int = 0, slow_share: float = SLOW_SHARE) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.sink_process", str(seed), str(slow_share)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._read()["port"])

    def received(self) -> Counter[str]:
        """How often each token has arrived."""
        return Counter(self._ask("received")["tokens"])

    def senders(self) -> dict[str, list[str]]:
        """Who each token came from: the addresses of MAIL."""
        found: dict[str, list[str]] = self._ask("senders")["tokens"]
        return found

    def misbehave(self, slow_share: float) -> None:
        """From now on this share of the answers is slow; 0: none."""
        self._ask("slow", slow_share)

    def delay(self, seconds: float, *, times: int) -> None:
        """So many answers to the dot take so long; the message is kept before."""
        self._ask("delay", [seconds, times])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _ask(self, what: str, value: Any = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, value]) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


# The other side -----------------------------------------------------------------------------------------------------


class SlowSink(RecordingSmtpSink):
    """Answers late now and then, most of all after the dot."""

    def __init__(self, seed: int, slow_share: float) -> None:
        super().__init__()
        self.dice, self.slow_share = random.Random(seed), slow_share

    def take(self, phase: str, line: bytes) -> Script | None:
        if phase in ("DOT", "DATA", "MAIL") and self.dice.random() < self.slow_share:
            return Script(phase, delay_s=self.dice.uniform(0, LONGEST_S if phase == "DOT" else LONGEST_S / 5))
        return super().take(phase, line)


def main() -> None:
    """Serve until the end of input."""
    with SlowSink(int(sys.argv[1]), float(sys.argv[2])) as sink:
        print(json.dumps({"port": sink.port}), flush=True)
        for line in sys.stdin:
            what, value = json.loads(line)
            with sink.lock:
                messages = list(sink.messages)
            senders: dict[str, list[str]] = {}
            for message in messages:
                for token in {found.decode() for found in TOKEN.findall(message.content)}:
                    senders.setdefault(token, []).append(message.sender)
            answer: dict[str, Any] = {}
            if what == "received":
                answer = {"tokens": {token: len(found) for token, found in senders.items()}}
            elif what == "senders":
                answer = {"tokens": senders}
            elif what == "slow":
                sink.slow_share = value
            elif what == "delay":
                sink.delay("DOT", value[0], times=value[1])
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
