"""Named crash points: a process of the product ends itself by SIGKILL at a moment of `webmail.sync.points`.

`CRASH_AT=dot_marked` ends it there, `CRASH_AT=dot_marked:3` at the third time. The product knows nothing of this: the children of
`worker_process` and `zygote` call `crash_at_named_point` before they begin to work.
"""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "CRASH_AT"


def crash_at_named_point(wanted: str = "") -> None:
    """Set the observer for this moment, by default the one of the environment; nothing without one."""
    from webmail.sync import points

    name, _, number = (wanted or os.environ.get(VARIABLE, "")).partition(":")
    if not name:
        return
    left, lock = int(number or 1), threading.Lock()

    def end_there(moment: str) -> None:
        nonlocal left
        if moment != name:
            return
        with lock:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    points.observer = end_there
