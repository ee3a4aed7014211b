"""Scripted faults for the fakes: what happens to a command instead of, before or after its normal course."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from webmail.demo.hooks import Cut, Hooks, Instead


@dataclass
class Rule:
    """What happens to a command, `times` times (None: for ever). `when` looks at the whole command line."""

    command: str
    act: Callable[[str, bytes], Instead | None]
    times: int | None = 1
    when: bytes = b""
    reply: Callable[[bytes], bytes] | None = None

    def matches(self, command: str, line: bytes) -> bool:
        """Is this rule for that command, and not used up?"""
        is_command = self.command in ("*", command)
        return is_command and self.times != 0 and self.when.upper() in line.upper()


@dataclass
class Faults(Hooks):
    """Scripted faults. Rules are tried in the order they were added; commands are upper case ("UID FETCH")."""

    rules: list[Rule] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """Every command name received so far, in order, over all connections."""
    lines: list[bytes] = field(default_factory=list)
    """Every command as it came over the wire, literals included."""
    greeting_line: bytes | None = None
    _answering: dict[str, list[Rule]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bytes_left: int | None = None
    _cut_with_reset: bool = False

    # What a test scripts

    def answer(
        self, command: str, untagged: bytes, status: bytes = b"OK done", *, times: int | None = 1, when: bytes = b""
    ) -> None:
        """Answer with these lines (CRLF included) and status instead of running the command."""
        self._add(command, lambda name, line: Instead(untagged=untagged, status=status), times, when)

    def cut(
        self, command: str, *, reset: bool = False, times: int | None = 1, when: bytes = b"", said: bytes = b""
    ) -> None:
        """Drop the connection when the command arrives, before it runs; `said` is sent first, `* BYE` for instance."""

        def act(name: str, line: bytes) -> Instead | None:
            raise Cut(said, reset=reset)

        self._add(command, act, times, when)

    def cut_answer(self, command: str, *, after_bytes: int = 0, reset: bool = False, times: int | None = 1) -> None:
        """Run the command, then send only the first bytes of its answer and drop the connection."""

        def reply(data: bytes) -> bytes:
            raise Cut(data[:after_bytes], reset=reset)

        self.rules.append(Rule(command, lambda name, line: None, times, reply=reply))

    def change_answer(self, command: str, change: Callable[[bytes], bytes], *, times: int | None = 1) -> None:
        """Run the command and let `change` rewrite all it answers, status line included."""
        self.rules.append(Rule(command, lambda name, line: None, times, reply=change))

    def cut_after_bytes(self, count: int, *, reset: bool = False) -> None:
        """Drop whichever connection sends the byte number `count` from now on."""
        self._bytes_left, self._cut_with_reset = count, reset

    def run_before(
        self, command: str, action: Callable[[], object], *, times: int | None = 1, when: bytes = b""
    ) -> None:
        """Do something of yours just before the command runs: another client's change in the worst moment."""

        def act(name: str, line: bytes) -> Instead | None:
            action()
            return None

        self._add(command, act, times, when)

    def clear(self) -> None:
        """Behave again. What was received stays recorded."""
        self.rules.clear()
        self._bytes_left = None
        self.greeting_line = None

    # What the server asks

    def greeting(self, default: bytes) -> bytes:
        return self.greeting_line if self.greeting_line is not None else default

    def before(self, command: str, line: bytes) -> Instead | None:
        with self._lock:
            self.commands.append(command)
            self.lines.append(line)
            rule = next((one for one in self.rules if one.matches(command, line)), None)
            if rule is None:
                return None
            if rule.times is not None:
                rule.times -= 1
            if rule.reply is not None:
                self._answering.setdefault(command, []).append(rule)
        return rule.act(command, line)

    def outgoing(self, command: str, data: bytes) -> bytes:
        waiting = self._answering.get(command)
        reply = waiting.pop(0).reply if waiting else None
        if reply is not None:
            data = reply(data)
        if self._bytes_left is not None:
            if len(data) >= self._bytes_left:
                kept, self._bytes_left = data[: self._bytes_left], None
                raise Cut(kept, reset=self._cut_with_reset)
            self._bytes_left -= len(data)
        return data

    def _add(self, command: str, act: Callable[[str, bytes], Instead | None], times: int | None, when: bytes) -> None:
        self.rules.append(Rule(command, act, times, when))
