"""What a LIST means for the mailboxes we have: facts in, decisions out. No rows, no network, no clock (sync 3.2).

`sync.discovery.discover` gathers the facts and carries the decisions out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

MAX_RAW_NAME_BYTES = 1_000  # what a row can hold; a longer name is left out
MAX_NAME_CHARS = 200  # of one level as people see it; leaves room to tell doubles apart
MAX_LEVELS = 20  # a deeper tree is shown flattened below this level (security R37)
SAMPLE_SIZE = 20  # messages compared before two names are believed to be one mailbox (Y24)
SAMPLE_SHARE = 0.95
MAX_RIVALS = 5  # mailboxes compared by messages for one new name; with more, nothing is proved and nothing is lost
MASS_SHARE = 0.2  # of the mailboxes, or
MASS_MESSAGES = 500  # in them: so much missing at once is believed only when a second LIST says the same (R81)


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
    namespace: str = ""  # "" mine, "other", "shared"
    namespace_top: bytes = b""  # `INBOX` where all names begin `INBOX.`: what is right below stands at the top (Y19)
    rights: str = ""  # letters of RFC 4314; empty: not told

    @property
    def parent_raw_name(self) -> bytes:
        """The name above in the tree; empty at the top."""
        if not self.delimiter:
            return b""
        above = self.raw_name.rpartition(self.delimiter.encode("latin-1", "replace"))[0]
        if above.upper() == b"INBOX":
            above = b"INBOX"
        return b"" if not self.namespace and above == self.namespace_top else above

    @property
    def level(self) -> int:
        """0 at the top."""
        return self.raw_name.count(self.delimiter.encode("latin-1", "replace")) if self.delimiter else 0


@dataclass(frozen=True)
class Held:
    """A mailbox as we have it."""

    id: int
    raw_name: bytes  # empty: not made yet, or (missing) another mailbox has taken its name
    role: str = ""
    is_role_chosen: bool = False
    remote_id: str = ""
    uidvalidity: int | None = None
    uidnext: int | None = None
    is_missing: bool = False  # the last complete LIST did not have it
    is_doubted: bool = False  # the last LIST lacked it together with many others
    is_selectable: bool = True
    messages: int = 0


def complete_tree(listed: Sequence[Listed]) -> list[Listed]:
    """The list with every name above a listed one, parents first; names that cannot be held are left out (Y22, Y27)."""
    found = {item.raw_name: item for item in listed if 0 < len(item.raw_name) <= MAX_RAW_NAME_BYTES}
    for item in list(found.values()):
        child = item
        while (above := child.parent_raw_name) and above not in found:
            name = child.name.rpartition(child.delimiter)[0]
            child = Listed(
                above,
                name or above.decode("latin-1"),
                child.delimiter,
                is_selectable=False,
                namespace=child.namespace,
                namespace_top=child.namespace_top,
            )
            found[above] = child
    return sorted(found.values(), key=lambda item: (item.level, item.raw_name))


# | LIST                       | known mailboxes | decision                                                    |
# |----------------------------|-----------------|-------------------------------------------------------------|
# | no INBOX in it             | any             | not believed: nothing is hidden, nothing removed (R81)      |
# | lacks many at once         | seen until now  | doubted: nothing happens until a second LIST agrees (R81)   |
# | lacks many at once         | doubted already | hide them                                                   |
# | lacks one                  | not missing yet | hide it (Y26)                                               |
# | lacks one                  | missing already | remove it, if STATUS fails too                              |
# | any                        | missing, and its name is another's now | remove it                            |
# | has one                    | missing         | show it again                                               |
def is_believable(listed: Iterable[Listed]) -> bool:
    """Every account has an INBOX (RFC 3501 5.1); an answer without it is a broken server's."""
    return any(item.raw_name.upper() == b"INBOX" for item in listed)


@dataclass(frozen=True)
class Absent:
    """What to do with mailboxes that the LIST lacks, by id."""

    hide: tuple[int, ...]
    remove: tuple[int, ...]
    doubt: tuple[int, ...] = ()


def absent_mailboxes(
    held: Sequence[Held], listed: Iterable[Listed], *, unwanted: frozenset[int] = frozenset()
) -> Absent:
    """By the table above; call it only for a LIST that `is_believable`. `unwanted`: the LIST did not ask for these (others'
    mailboxes), so they are hidden and never removed."""
    names = {item.raw_name for item in listed}
    gone = [item for item in held if item.raw_name and item.raw_name not in names]
    fresh = [item for item in gone if not item.is_missing and item.id not in unwanted]
    seen = sum(1 for item in held if item.raw_name and not item.is_missing)
    many = len(fresh) > 1 and len(fresh) > MASS_SHARE * seen
    is_mass = many or sum(item.messages for item in fresh) > MASS_MESSAGES
    doubted = {item.id for item in fresh if is_mass and not item.is_doubted}
    return Absent(
        hide=tuple(item.id for item in gone if not item.is_missing and item.id not in doubted),
        remove=(
            *(item.id for item in gone if item.is_missing and item.id not in unwanted),
            *(item.id for item in held if item.is_missing and not item.raw_name),
        ),
        doubt=tuple(sorted(doubted)),
    )


@dataclass(frozen=True)
class Rename:
    """A mailbox that has another name on the server now. `needs_sample`: to be proved by its messages first (Y24)."""

    mailbox_id: int
    listed: Listed
    needs_sample: bool


# | known and listed share      | and                                        | decision             |
# |-----------------------------|--------------------------------------------|----------------------|
# | MAILBOXID, other name       | only these two have it                     | rename (Y23), also when the old name is in use again |
# | UIDVALIDITY, both w/o an id | UIDNEXT not lower                          | candidates (Y24): a sample of messages decides |
# | name below a proved rename  | UIDVALIDITY not another one                | goes along           |
# | anything else               |                                            | gone + new           |
def find_renames(held: Sequence[Held], listed: Sequence[Listed]) -> list[Rename]:
    """Which mailboxes were renamed by another client, as MAILBOXID proves, and for the others what may be proved by a
    sample: several of these may speak of one mailbox, see `settle_renames`."""
    ids = [item.remote_id for item in listed if item.remote_id]
    by_id = {item.remote_id: item for item in listed if item.remote_id and ids.count(item.remote_id) == 1}
    found = [
        Rename(item.id, by_id[item.remote_id], needs_sample=False)
        for item in held
        if (item.raw_name or item.is_missing)
        and item.remote_id in by_id
        and by_id[item.remote_id].raw_name != item.raw_name
    ]
    settled = {rename.mailbox_id for rename in found}
    taken = {rename.listed.raw_name for rename in found}
    gone, new = _gone_and_new(held, listed)
    for item in (one for one in new if one.raw_name not in taken):
        rivals = [old for old in gone if old.id not in settled and not old.remote_id and _may_be(old, item)]
        rivals.sort(key=lambda old: ((item.uidnext or 0) - (old.uidnext or 0), old.id))
        found += [Rename(old.id, item, needs_sample=True) for old in rivals[:MAX_RIVALS]]
    return found


def _gone_and_new(held: Sequence[Held], listed: Sequence[Listed]) -> tuple[list[Held], list[Listed]]:
    names = {item.raw_name for item in listed}
    known = {item.raw_name for item in held}
    return (
        [item for item in held if item.raw_name and item.raw_name not in names],
        [item for item in listed if item.raw_name not in known],
    )


def settle_renames(held: Sequence[Held], listed: Sequence[Listed], proved: Sequence[Rename]) -> list[Rename]:
    """Of the proved ones those that contradict no other, and what goes along with them: mailboxes below, and names
    above that hold nothing themselves."""
    olds = [rename.mailbox_id for rename in proved]
    news = [rename.listed.raw_name for rename in proved]
    clear = [
        rename for rename in proved if olds.count(rename.mailbox_id) == 1 and news.count(rename.listed.raw_name) == 1
    ]
    gone, new = _gone_and_new(held, listed)
    names = {item.id: item.raw_name for item in held}
    moved = {names[rename.mailbox_id]: rename.listed for rename in clear}
    free = {item.raw_name: item for item in new if item.raw_name not in {one.raw_name for one in moved.values()}}
    for old in sorted((item for item in gone if item.raw_name not in moved), key=lambda item: len(item.raw_name)):
        target = free.get(_name_below(old.raw_name, moved)) or free.get(_name_above(old, moved))
        if target is not None and (old.uidvalidity is None or old.uidvalidity == target.uidvalidity):
            clear.append(Rename(old.id, target, needs_sample=False))
            moved[old.raw_name] = target
            del free[target.raw_name]
    return clear


def _name_below(raw_name: bytes, moved: Mapping[bytes, Listed]) -> bytes:
    """What a mailbox is called now if a mailbox above it was renamed; empty when none was."""
    for old, new in moved.items():
        end = new.delimiter.encode("latin-1", "replace")
        if old and end and raw_name.startswith(old + end):
            return new.raw_name + raw_name[len(old) :]
    return b""


def _name_above(held: Held, moved: Mapping[bytes, Listed]) -> bytes:
    """What a name that only holds others is called now, if a mailbox right below it keeps its last part."""
    for old, new in moved.items() if not held.is_selectable else ():
        end = new.delimiter.encode("latin-1", "replace")
        if end and old.startswith(held.raw_name + end):
            leaf = old[len(held.raw_name) :]
            if new.raw_name.endswith(leaf):
                return new.raw_name.removesuffix(leaf)
    return b""


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
    taken = {item.role for item in held if item.is_role_chosen and item.role}  # also of one that is not listed
    free = [item for item in listed if item.is_selectable and not item.namespace and item.raw_name not in chosen]
    stated = [(item, item.role) for item in free]
    guessed = [(item, item.guessed) for item in free]
    kept = [(item, role) for item, role in guessed if holders.get(item.raw_name) == role]
    for claims in (stated, kept, guessed):
        for item, role in claims:
            if role and role not in taken and item.raw_name not in roles:
                roles[item.raw_name] = role
                taken.add(role)
    return {item.raw_name: roles.get(item.raw_name, "") for item in listed}


def filtered_names(listed: Sequence[Listed], roles: Mapping[bytes, str]) -> frozenset[bytes]:
    """What a user who wants only subscribed mailboxes does not see (Y21). INBOX, mailboxes with a role and the names above
    a subscribed one stay: without them nothing can be sent, deleted or found."""
    shown: set[bytes] = set()
    for item in reversed(listed):
        is_inbox = item.raw_name.upper() == b"INBOX"
        if (
            item.raw_name in shown
            or (item.is_subscribed and item.is_selectable)
            or is_inbox
            or roles.get(item.raw_name)
        ):
            shown |= {item.raw_name, item.parent_raw_name}
    return frozenset(item.raw_name for item in listed) - shown


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
        if item.delimiter and (above or item.namespace_top):
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
