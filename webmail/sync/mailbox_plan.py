"""What a LIST means for the mailboxes we have: facts in, decisions out. No rows, no network, no clock (sync 3.2).

`sync.discover` gathers the facts and carries the decisions out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

MAX_RAW_NAME_BYTES = 1_000  # what a row can hold; a longer name is left out
MAX_NAME_CHARS = 200  # of one level as people see it; leaves room to tell doubles apart
MAX_LEVELS = 20  # a deeper tree is shown flattened below this level (security R37)
SAMPLE_SIZE = 20  # messages compared before two names are believed to be one mailbox (Y24)
SAMPLE_SHARE = 0.95


@dataclass(frozen=True)
class Listed:
    """One mailbox of a LIST. `role` is stated by the server, `guessed` is what mailboxes of this name usually are."""

    raw_name: bytes
    name: str  # full path, decoded
    delimiter: str = ""
    role: str = ""
    guessed: str = ""
    is_selectable: bool = True
    is_subscribed: bool = True
    remote_id: str = ""  # MAILBOXID
    uidvalidity: int | None = None
    uidnext: int | None = None

    @property
    def parent_raw_name(self) -> bytes:
        """The name above in the tree; empty at the top."""
        if not self.delimiter:
            return b""
        return self.raw_name.rpartition(self.delimiter.encode("latin-1", "replace"))[0]

    @property
    def level(self) -> int:
        """0 at the top."""
        return self.raw_name.count(self.delimiter.encode("latin-1", "replace")) if self.delimiter else 0


@dataclass(frozen=True)
class Held:
    """A mailbox as we have it."""

    id: int
    raw_name: bytes
    role: str = ""
    is_role_chosen: bool = False
    remote_id: str = ""
    uidvalidity: int | None = None
    uidnext: int | None = None
    is_missing: bool = False  # the last complete LIST did not have it


def complete_tree(listed: Sequence[Listed]) -> list[Listed]:
    """The list with every name above a listed one, parents first; names that cannot be held are left out (Y22, Y27)."""
    found = {item.raw_name: item for item in listed if 0 < len(item.raw_name) <= MAX_RAW_NAME_BYTES}
    for item in list(found.values()):
        child = item
        while (above := child.parent_raw_name) and above not in found:
            name = child.name.rpartition(child.delimiter)[0]
            child = Listed(above, name or above.decode("latin-1"), child.delimiter, is_selectable=False)
            found[above] = child
    return sorted(found.values(), key=lambda item: (item.level, item.raw_name))


# | LIST                       | known mailboxes | decision                                                    |
# |----------------------------|-----------------|-------------------------------------------------------------|
# | no INBOX in it             | any             | not believed: nothing is hidden, nothing removed (R81)      |
# | lacks one                  | not missing yet | hide it (Y26)                                               |
# | lacks one                  | missing already | remove it, if STATUS fails too                              |
# | has one                    | missing         | show it again                                               |
def is_believable(listed: Iterable[Listed]) -> bool:
    """Every account has an INBOX (RFC 3501 5.1); an answer without it is a broken server's."""
    return any(item.raw_name.upper() == b"INBOX" for item in listed)


@dataclass(frozen=True)
class Absent:
    """What to do with mailboxes that the LIST lacks, by id."""

    hide: tuple[int, ...]
    remove: tuple[int, ...]


def absent_mailboxes(held: Sequence[Held], listed: Iterable[Listed]) -> Absent:
    """By the table above; call it only for a LIST that `is_believable`."""
    names = {item.raw_name for item in listed}
    gone = [item for item in held if item.raw_name and item.raw_name not in names]
    return Absent(
        hide=tuple(item.id for item in gone if not item.is_missing),
        remove=tuple(item.id for item in gone if item.is_missing),
    )


@dataclass(frozen=True)
class Rename:
    """A mailbox that has another name on the server now. `needs_sample`: to be proved by its messages first (Y24)."""

    mailbox_id: int
    listed: Listed
    needs_sample: bool


# | gone and new share          | and                                        | decision             |
# |-----------------------------|--------------------------------------------|----------------------|
# | MAILBOXID                   | -                                          | rename (Y23)         |
# | UIDVALIDITY, both w/o an id | UIDNEXT not lower, exactly one candidate   | rename, if a sample agrees (Y24) |
# | anything else               |                                            | gone + new           |
def find_renames(held: Sequence[Held], listed: Sequence[Listed]) -> list[Rename]:
    """Which mailboxes were renamed by another client."""
    names = {item.raw_name for item in listed}
    known = {item.raw_name for item in held}
    gone = [item for item in held if item.raw_name and item.raw_name not in names]
    new = [item for item in listed if item.raw_name not in known]
    by_id = {item.remote_id: item for item in new if item.remote_id}
    found = [Rename(item.id, by_id[item.remote_id], needs_sample=False) for item in gone if item.remote_id in by_id]
    settled = {rename.mailbox_id for rename in found}
    for item in gone:
        if item.id in settled or item.remote_id or item.uidvalidity is None:
            continue
        candidates = [other for other in new if _may_be(item, other)]
        rivals = [other for other in gone if candidates and _may_be(other, candidates[0])]
        if len(candidates) == 1 and len(rivals) == 1:
            found.append(Rename(item.id, candidates[0], needs_sample=True))
    return found


def _may_be(old: Held, new: Listed) -> bool:
    return (
        not new.remote_id
        and new.uidvalidity is not None
        and new.uidvalidity == old.uidvalidity
        and (new.uidnext or 0) >= (old.uidnext or 0)
    )


def is_sample_equal(ours: Mapping[int, tuple[str, int]], theirs: Mapping[int, tuple[str, int]]) -> bool:
    """Whether the (Message-ID, size) behind the same UIDs agree well enough. An empty sample proves nothing."""
    equal = sum(1 for uid, facts in ours.items() if theirs.get(uid) == facts)
    return bool(ours) and equal >= SAMPLE_SHARE * len(ours)


def assign_roles(held: Sequence[Held], listed: Sequence[Listed]) -> dict[bytes, str]:
    """The role of each listed mailbox by raw name; one role, one mailbox (Y20).

    The user's choice stands, then what the server states, then who has the role already, then the name.
    """
    chosen = {item.raw_name: item.role for item in held if item.is_role_chosen}
    holders = {item.raw_name: item.role for item in held if item.role}
    roles = {raw_name: role for raw_name, role in chosen.items() if role}
    taken = set(roles.values())
    free = [item for item in listed if item.is_selectable and item.raw_name not in chosen]
    stated = [(item, item.role) for item in free]
    guessed = [(item, item.guessed) for item in free]
    kept = [(item, role) for item, role in guessed if holders.get(item.raw_name) == role]
    for claims in (stated, kept, guessed):
        for item, role in claims:
            if role and role not in taken and item.raw_name not in roles:
                roles[item.raw_name] = role
                taken.add(role)
    return {item.raw_name: roles.get(item.raw_name, "") for item in listed}


def shown_names(listed: Sequence[Listed]) -> dict[bytes, tuple[bytes, str]]:
    """(raw name of the parent row, name) as people see each mailbox. Names are unique under their parent (Y27).

    `listed` is complete and in the order of `complete_tree`.
    """
    taken: dict[bytes, set[str]] = {}
    found: dict[bytes, tuple[bytes, str]] = {}
    parents: dict[bytes, bytes] = {}
    for item in listed:
        above = item.parent_raw_name
        leaf = item.name
        if item.delimiter and above:
            leaf = item.name.rpartition(item.delimiter)[2]
        if item.level > MAX_LEVELS:
            above = parents[above]
        parents[item.raw_name] = above if item.level > MAX_LEVELS else item.raw_name
        name = _free_name(_clean(leaf, item), item, taken.setdefault(above, set()))
        found[item.raw_name] = (above, name)
    return found


def _clean(leaf: str, item: Listed) -> str:
    if item.raw_name.upper() == b"INBOX":
        return "Inbox"
    text = "".join(char if char.isprintable() else " " for char in leaf).strip()
    return text[:MAX_NAME_CHARS] or item.raw_name.decode("latin-1")[-MAX_NAME_CHARS:]


def _free_name(name: str, item: Listed, taken: set[str]) -> str:
    """Two names of the server may look the same here: the later one keeps its raw name, or gets a number."""
    if name in taken:
        name = item.raw_name.decode("latin-1")[-MAX_NAME_CHARS:]
    number = 2
    free = name
    while free in taken:
        free = f"{name} ({number})"
        number += 1
    taken.add(free)
    return free


def renamed(held: Sequence[Held], renames: Iterable[Rename]) -> list[Held]:
    """The mailboxes as they are called after these renames."""
    new_names = {rename.mailbox_id: rename.listed.raw_name for rename in renames}
    return [replace(item, raw_name=new_names.get(item.id, item.raw_name)) for item in held]
