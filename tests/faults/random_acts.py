"""The two strangers and the user of the randomised test, and what is remembered of their acts."""

from __future__ import annotations

import contextlib
import imaplib
import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.sync_stage import SyncStage
from tests.sync.conftest import letter
from tests.sync_servers.foreign import Foreign, Refused
from webmail.journal.actions.keywords import set_keywords
from webmail.journal.actions.mailboxes import create_mailbox, rename_mailbox
from webmail.journal.actions.move import copy_emails, destroy_emails, move_emails
from webmail.journal.errors import ActionRefused
from webmail.journal.models import Action
from webmail.store.errors import StoreError
from webmail.store.models import Email, Mailbox

MAILBOXES = ("INBOX", "Archive", "Trash", "Junk")
LASTING = ("INBOX", "Archive", "Junk")  # Trash is renamed now and then, and made anew
# Divided, so that nobody else changed later what the user changed last; $flagged is everybody's.
USERS_KEYWORDS, STRANGERS_FLAGS = ("$seen", "ours", "$flagged"), ("\\Answered", "theirs", "\\Flagged")
CHECKED_KEYWORDS = ("$seen", "ours")
PAUSE_S = 0.03
REPLACED_SHARE = 0.02


@dataclass
class Memory:
    """What was done to each letter, by subject."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    put: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    may_be_gone: set[str] = field(default_factory=set)
    # (subject, keyword) -> the user's last act: is it set, and the row that carries it out
    keywords: dict[tuple[str, str], tuple[bool, int]] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)

    def note(self, act: str) -> None:
        with self.lock:
            self.acts[act] += 1


class Stranger(threading.Thread, ABC):
    """Acts until told to stop. Knows nothing of our rows."""

    def __init__(self, stage: SyncStage, memory: Memory, seed: int, *, first: int) -> None:
        super().__init__(daemon=True)
        self.stage, self.memory, self.dice = stage, memory, random.Random(seed)
        self.number = first
        self.has_to_stop = threading.Event()
        self.trouble: BaseException | None = None

    def stop(self) -> None:
        self.has_to_stop.set()
        self.join(30)
        if self.trouble is not None:
            raise self.trouble

    def run(self) -> None:
        try:
            while not self.has_to_stop.wait(self.dice.uniform(0, PAUSE_S * 2)):
                self.act()
        except BaseException as error:
            self.trouble = error

    @abstractmethod
    def act(self) -> None:
        """One act of this person."""

    def next_letter(self) -> bytes:
        self.number += 1
        with self.memory.lock:
            self.memory.put[f"Letter {self.number}"] += 1
        return letter(self.number)


class ImapStranger(Stranger):
    """Another mail program: new mail, flags, moves, deletions."""

    def connected(self) -> Foreign:
        return Foreign(self.stage.dovecot.imap_port, self.stage.person.name, self.stage.person.password)

    def run(self) -> None:
        self.client = self.connected()
        super().run()
        with self.client:
            return

    def act(self) -> None:
        """Dovecot hangs up when the mailbox that is open gets another name."""
        try:
            self.try_to_act()
        except (imaplib.IMAP4.abort, OSError):
            with self.memory.lock:
                self.memory.may_be_gone.add(f"Letter {self.number}")  # whether it was appended is not known
            self.client = self.connected()

    def try_to_act(self) -> None:
        box = self.dice.choice(MAILBOXES)
        what = self.dice.choice(["append", "flag", "unflag", "move", "expunge"])
        self.memory.note(f"imaplib {what}")
        if what == "append":
            self.client.append(self.dice.choice(LASTING), self.next_letter())
            return
        try:
            if uids := self.client.uids(box):
                self.act_on(what, box, self.dice.choice(uids))
        except imaplib.IMAP4.abort:
            raise
        except (Refused, imaplib.IMAP4.error):
            return

    def act_on(self, what: str, box: str, uid: int) -> None:
        if what == "move":
            self.client.move(box, [uid], self.dice.choice([name for name in MAILBOXES if name != box]))
        elif what == "expunge":
            if self.forget(box, uid):
                self.client.expunge(box, [uid])
        else:
            self.client.store(box, [uid], "+" if what == "flag" else "-", self.dice.choice(STRANGERS_FLAGS))

    def forget(self, box: str, uid: int) -> bool:
        """Note that a letter may be gone, and every other that is marked already: EXPUNGE takes those too."""
        self.client.select(box)
        _, items = self.client.client.uid("fetch", str(uid), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        subjects = [item[1].decode().partition(":")[2].strip() for item in items if isinstance(item, tuple)]
        self.client.leave()
        with self.memory.lock:
            self.memory.may_be_gone.update(subjects)
        return bool(subjects)


class DoveadmStranger(Stranger):
    """The administrator's hand: what doveadm does, and mailboxes that come and are renamed."""

    made = 0
    replaced = 0

    def act(self) -> None:
        what = self.dice.choice(["save", "flags", "move", "mailbox"])
        if self.dice.random() < REPLACED_SHARE:
            what = "replace"
        self.memory.note(f"doveadm {what}")
        if what == "save":
            self.stage.doveadm("save", "-m", self.dice.choice(LASTING), stdin=self.next_letter())
            return
        with contextlib.suppress(RuntimeError):
            if what in ("mailbox", "replace"):
                getattr(self, what)()
                return
            box, subject = self.dice.choice(MAILBOXES), f"Letter {self.dice.randrange(1, self.number + 1)}"
            query = ("mailbox", box, "header", "subject", subject)
            if what == "flags":
                verb = self.dice.choice(["add", "remove"])
                self.stage.doveadm(f"flags/{verb}", self.dice.choice(STRANGERS_FLAGS), *query)
            else:
                self.stage.doveadm("move", self.dice.choice(MAILBOXES), *query)

    def mailbox(self) -> None:
        if self.made and self.dice.random() < 0.5:
            name = f"Theirs {self.made}"
            self.stage.doveadm("mailbox/rename", name, f"{name} renamed")
        elif self.made < 8:
            self.made += 1
            self.stage.doveadm("mailbox/create", f"Theirs {self.made}")

    def replace(self) -> None:
        """Trash has another name, and an empty mailbox has its name: nothing is lost."""
        self.replaced += 1
        self.stage.doveadm("mailbox/rename", "Trash", f"Trash {self.replaced}")
        self.stage.doveadm("mailbox/create", "Trash")


class Person:
    """The user at our pages: rows now, the server later."""

    def __init__(self, stage: SyncStage, memory: Memory, seed: int) -> None:
        self.stage, self.memory, self.dice = stage, memory, random.Random(seed)
        self.made = 0

    def act(self) -> None:
        """One act on what is shown at this moment."""
        shown = Email.objects.filter(account=self.stage.account, mailbox_rows__mailbox__role__in=("inbox", "archive"))
        emails = list(shown.distinct().order_by("pk"))
        what = self.dice.choice(["keywords", "keywords", "keywords", "move", "copy", "destroy", "mailbox"])
        if not emails:
            return
        self.memory.note(f"user {what}")
        with contextlib.suppress(ActionRefused, StoreError):
            getattr(self, what)(self.dice.sample(emails, min(len(emails), self.dice.randrange(1, 4))))

    def keywords(self, emails: list[Email]) -> None:
        keyword, is_set = self.dice.choice(USERS_KEYWORDS), self.dice.random() < 0.7
        for email in emails:
            before = Action.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            set_keywords(None, [email], **{"add" if is_set else "remove": [keyword]})
            row = Action.objects.filter(pk__gt=before).order_by("-pk").first()
            # Without a row there was nothing to change: then it was so already, and nobody else changes it.
            if row is not None:
                self.memory.keywords[email.subject, keyword] = (is_set, row.pk)

    def _target(self) -> Mailbox:
        return Mailbox.objects.get(account=self.stage.account, role=self.dice.choice(["inbox", "archive", "junk"]))

    def move(self, emails: list[Email]) -> None:
        move_emails(None, emails, target=self._target())

    def copy(self, emails: list[Email]) -> None:
        copy_emails(None, emails, target=self._target())
        self.memory.copies.update(email.subject for email in emails)

    def destroy(self, emails: list[Email]) -> None:
        if self.dice.random() < 0.5:
            self.memory.may_be_gone.update(email.subject for email in emails[:1])
            destroy_emails(None, emails[:1])

    def mailbox(self, _: list[Email]) -> None:
        account, mine = self.stage.account, Mailbox.objects.filter(account=self.stage.account, name__startswith="Ours")
        if self.made < 6:
            self.made += 1
            create_mailbox(account.user, account.pk, name=f"Ours {self.made}")
        elif mine.exists():
            chosen = self.dice.choice(list(mine.order_by("pk")))
            rename_mailbox(account.user, chosen, name=f"Ours {self.dice.randrange(100, 999)}", parent=None)
