"""Servers unpacked beside the machine's own: Debian lets only one IMAP server be installed, the suite wants four.

`tests/install.sh` unpacks their packages here, one directory for a family, without running any script of theirs. What a
family's programs need from the system is installed as usual.
"""

import os
from pathlib import Path

from tests.servers.process import ServerUnavailable

# The place for programs that the machine's administrator put there by hand; another one may be named.
ROOT = Path(os.environ.get("PILLARBOX_TEST_SERVERS", "/usr/local/lib/pillarbox-test-servers"))


def unpacked(family: str, program: str) -> Path:
    """The path of a program such as `usr/sbin/imap4d`; raises `ServerUnavailable` naming what is missing."""
    path = ROOT / family / program
    if not path.exists():
        raise ServerUnavailable(f"{family} is not unpacked in {ROOT} (as root: sh tests/install.sh)")
    return path


def library_path(family: str) -> str:
    """Where the family's own shared libraries lie, for LD_LIBRARY_PATH."""
    return os.pathsep.join(str(path) for path in sorted((ROOT / family / "usr" / "lib").glob("*-linux-gnu*")))
