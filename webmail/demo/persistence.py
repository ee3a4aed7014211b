"""Keeps a demo store on disk: one file per distinct message, and a JSON index that is replaced whole.

It is a convenience for people who restart the demo, not a mail store: no fsync, no locking between processes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from webmail.demo.model import Mailbox, Message, User

if TYPE_CHECKING:
    from pathlib import Path

    from webmail.demo.store import DemoStore

INDEX_VERSION = 1


class Archive:
    """Reads and writes the directory of one `DemoStore`; the caller holds the store's lock."""

    def __init__(self, directory: Path) -> None:
        self._messages = directory / "messages"
        self._index = directory / "index.json"
        self._written: set[str] = set()
        self._messages.mkdir(parents=True, exist_ok=True)

    def load(self, store: DemoStore) -> None:
        """Fill an empty store from disk, and drop message files that no mailbox refers to any more."""
        if not self._index.exists():
            return
        index = json.loads(self._index.read_text("utf-8"))
        if index.get("version") != INDEX_VERSION:
            return
        store.next_uidvalidity = index["next_uidvalidity"]
        store.notes = index["notes"]
        for saved in index["users"]:
            self._load_user(store, saved)
        for path in self._messages.iterdir():
            if path.stem not in self._written:
                path.unlink()

    def _load_user(self, store: DemoStore, saved: dict[str, Any]) -> None:
        user = User(address=saved["address"], password=saved["password"])
        for box in saved["mailboxes"]:
            messages = box.pop("messages")
            mailbox = Mailbox(**box)
            mailbox.expunged = [(modseq, uid) for modseq, uid in mailbox.expunged]
            for uid, modseq, date, content_id, flags in messages:
                raw = (self._messages / f"{content_id}.eml").read_bytes()
                mailbox.messages[uid] = Message(uid, raw, frozenset(flags), datetime.fromisoformat(date), modseq)
                self._written.add(content_id)
            user.mailboxes[mailbox.name] = mailbox
        store.users[user.address.lower()] = user

    def save(self, store: DemoStore) -> None:
        """Write new messages, then the index in one rename, so that a kill leaves the old or the new state."""
        index = {
            "version": INDEX_VERSION,
            "next_uidvalidity": store.next_uidvalidity,
            "notes": store.notes,
            "users": [
                {
                    "address": user.address,
                    "password": user.password,
                    "mailboxes": [self._saved_mailbox(mailbox) for mailbox in user.mailboxes.values()],
                }
                for user in store.users.values()
            ],
        }
        temporary = self._index.with_suffix(".tmp")
        temporary.write_text(json.dumps(index, ensure_ascii=False), "utf-8")
        temporary.replace(self._index)

    def _saved_mailbox(self, mailbox: Mailbox) -> dict[str, Any]:
        messages = []
        for message in mailbox.messages.values():
            if message.content_id not in self._written:
                (self._messages / f"{message.content_id}.eml").write_bytes(message.raw)
                self._written.add(message.content_id)
            date = message.internal_date.isoformat()
            messages.append((message.uid, message.modseq, date, message.content_id, sorted(message.flags)))
        return {
            "name": mailbox.name,
            "object_id": mailbox.object_id,
            "uidvalidity": mailbox.uidvalidity,
            "special_use": mailbox.special_use,
            "uidnext": mailbox.uidnext,
            "highest_modseq": mailbox.highest_modseq,
            "is_subscribed": mailbox.is_subscribed,
            "is_selectable": mailbox.is_selectable,
            "expunged": mailbox.expunged,
            "messages": messages,
        }
