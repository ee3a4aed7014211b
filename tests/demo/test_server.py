"""The demo as a whole: three ports, two filled mailboxes, memory over a restart, and loopback only."""

from __future__ import annotations

import os
import poplib
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient

from webmail.demo.addresses import IMAP_PASSWORD, IMAP_USER, OUTSIDE_USER, POP3_PASSWORD, POP3_USER
from webmail.demo.messages import IMAP_MESSAGE_COUNT, POP3_MESSAGE_COUNT
from webmail.demo.server import DemoServer, run_demo

NOW = datetime(2026, 3, 4, 8, 15, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def test_both_mailboxes_are_filled_and_readable() -> None:
    with DemoServer(now=NOW) as demo:
        imap = IMAPClient(demo.host, demo.imap_port, ssl=False, timeout=10)
        imap.login(IMAP_USER, IMAP_PASSWORD)
        names = [name for _, _, name in imap.list_folders()]
        assert "Ideen für später" in names
        counts = [imap.folder_status(name, ["MESSAGES"])[b"MESSAGES"] for name in names]
        assert sum(counts) == IMAP_MESSAGE_COUNT
        for name in names:
            imap.select_folder(name, readonly=True)
            uids = imap.search()
            if uids:
                found = imap.fetch(uids, ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "BODY.PEEK[]"])
                assert len(found) == len(uids)
                assert all(found[uid][b"BODYSTRUCTURE"] for uid in uids)
        imap.logout()
        pop3 = poplib.POP3(demo.host, demo.pop3_port, timeout=10)
        pop3.user(POP3_USER)
        pop3.pass_(POP3_PASSWORD)
        assert pop3.stat()[0] == POP3_MESSAGE_COUNT
        assert b"From: " in b"\r\n".join(pop3.retr(POP3_MESSAGE_COUNT)[1])
        pop3.quit()


def test_a_restart_keeps_what_the_user_did(tmp_path: Path) -> None:
    with DemoServer(directory=tmp_path, now=NOW) as demo:
        uid = next(iter(demo.store.mailbox(IMAP_USER).messages))
        demo.store.expunge(IMAP_USER, "INBOX", [uid])
        kept = len(demo.store.mailbox(IMAP_USER).messages)
    with DemoServer(directory=tmp_path) as demo:
        assert len(demo.store.mailbox(IMAP_USER).messages) == kept
        assert uid not in demo.store.mailbox(IMAP_USER).messages


def test_new_mail_trickles_in_when_asked_for() -> None:
    with DemoServer(fill=False, trickle_s=0.01) as demo:
        arrived = threading.Event()
        demo.store.listen(lambda address: arrived.set() if address == POP3_USER else None)
        assert arrived.wait(10)
        assert demo.store.mailbox(IMAP_USER).messages


def test_the_outside_world_is_a_user_like_any_other() -> None:
    with DemoServer(fill=False) as demo:
        assert OUTSIDE_USER in demo.store.users


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "mail.example.org", ""])
def test_the_demo_refuses_to_listen_beyond_loopback(host: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loopback"):
        DemoServer(host=host)
    with pytest.raises(ValueError, match="loopback"):
        run_demo(directory=tmp_path, host=host)


def test_run_demo_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom webmail.demo.server import run_demo\n"
        "def ready(demo):\n    print(demo.imap_port, demo.pop3_port, demo.smtp_port, flush=True)\n"
        "run_demo(directory=Path(sys.argv[1]), on_ready=ready)\n"
        "print(sorted(name for name in sys.modules if name in ('django', 'celery')), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        client = IMAPClient("127.0.0.1", ports[0], ssl=False, timeout=10)
        client.login(IMAP_USER, IMAP_PASSWORD)
        client.shutdown()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read().strip() == "[]"
        assert process.wait(10) == 0
