"""Address fields: To, From and their kin as senders really write them, and addresses as users type them.

The reader is one loop over tokens, without recursion and without back-tracking: 100 KB of addresses take 3 s with
`email.policy.default`, and 300 open parentheses end in RecursionError there (security.md fact 1.6).
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from webmail.mime.encoded_words import clean_text, decode_text, header_to_str
from webmail.mime.limits import MAX_ADDRESSES, MAX_HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of RFC 5322 3.4: the name people see ("" if there is none) and the address as the sender wrote it.

    `email` is "" where the field had only a name.
    """

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """A run of addresses; `name` is None outside of a group (RFC 8621 4.1.2.4)."""

    name: str | None
    addresses: tuple[Address, ...]


# The forms that make up nearly all mail: `a@b`, `<a@b>`, `Name <a@b>`, `"Name" <a@b>`, up to a comma or the end.
_FAST = re.compile(
    r'[ \t\r\n]*+(?:(?:"([^"\\]*+)"|([^"<>(),:;@\\\[\]]*+))[ \t\r\n]*+<([^<>\s"(),:;\\@]++@[^<>\s"(),:;\\@]++)>'
    r'|([^<>\s"(),:;\\@=]++@[^<>\s"(),:;\\@=]++))[ \t\r\n]*+(?:,|\Z)'
)
_MAX_CACHED_BYTES = 200
_TOKEN = re.compile(
    r"""(?P<word>=\?[^?\s]{1,80}\?[bBqQ]\?[^?"<>]*+\?=)   # a comma inside an encoded word separates nothing
      | (?P<text>[^\s"(<>,;:=@]++|=|@)
      | (?P<space>\s++)
      | (?P<mark>["(<>,;:])""",
    re.VERBOSE,
)
_QUOTED = re.compile(r'((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_UNQUOTE = re.compile(r"\\(.)", re.DOTALL)
_COMMENT = re.compile(r"\([^()]*+\)")
_COMMENT_MARK = re.compile(r"[()\\]")
_BARE_REST = re.compile(r"@[^\s,;<>()\"]++")


@dataclass(slots=True)
class _Pending:
    """The address being read."""

    pieces: list[str] = field(default_factory=list)
    # What follows the angle brackets: the name of the next address if its comma is missing.
    tail: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    angle: str | None = None
    bare: str | None = None
    has_colon: bool = False

    def add(self, piece: str) -> None:
        (self.pieces if self.angle is None else self.tail).append(piece)

    def take(self) -> Address | None:
        phrase = " ".join("".join(self.pieces).split()) or " ".join("".join(self.tail).split())
        if not phrase and self.angle is None and self.bare is None:
            # Nothing, or a comment alone: `undisclosed-recipients:; (no To header)`.
            self.pieces, self.comments = [], []
            return None
        email = self.angle if self.angle is not None else self.bare
        if email is None:
            phrase, email = _split_bare(phrase)
        comment = " ".join(self.comments)
        self.pieces, self.comments, self.angle, self.bare = [], [], None, None
        self.tail, self.has_colon = [], False
        name = decode_text(phrase) or decode_text(comment)
        email = clean_text(email)
        return Address(name, email) if email or name else None


def _split_bare(phrase: str) -> tuple[str, str]:
    """Name and address of a phrase without angle brackets: `a@b`, `a @ b`, `John Doe a@b`, `local`."""
    if "@" in phrase:
        words = phrase.replace(" @ ", "@").replace(" @", "@").replace("@ ", "@").split(" ")
        at = max(index for index, word in enumerate(words) if "@" in word)
        return " ".join(words[:at] + words[at + 1 :]), words[at]
    if phrase and " " not in phrase and not phrase.startswith("=?"):
        return "", phrase
    return phrase, ""


class _Reader:
    """One pass over the text of an address field."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.pending = _Pending()
        self.group: str | None = None
        self.groups: list[AddressGroup] = []
        self.found: list[Address] = []
        self.count = 0
        # Once a closing mark is missing it is missing for the rest: looking again each time would be quadratic.
        self.unclosed: set[str] = set()

    def read(self) -> tuple[AddressGroup, ...]:
        text, size = self.text, len(self.text)
        while self.position < size and self.count < MAX_ADDRESSES:
            token = _TOKEN.match(text, self.position)
            if token is None:
                self.position += 1
                continue
            self.position = token.end()
            if token.lastgroup == "mark":
                self.read_mark(token.group())
            else:
                self.pending.add(token.group())
        self.end_address()
        self.end_group()
        return tuple(self.groups)

    def read_mark(self, mark: str) -> None:
        match mark:
            case '"':
                self.read_quoted()
            case "(":
                self.read_comment()
            case "<":
                self.read_angle()
            case ",":
                self.end_address()
            case ";":
                self.end_address()
                if self.group is not None:
                    self.end_group()
            case ":":
                self.read_colon()
            case _:
                pass

    def read_quoted(self) -> None:
        quoted = None if '"' in self.unclosed else _QUOTED.match(self.text, self.position)
        if quoted is None:
            self.unclosed.add('"')
            return
        self.position = quoted.end()
        content = quoted.group(1)
        if (rest := _BARE_REST.match(self.text, self.position)) and self.pending.angle is None:
            # RFC 5322 3.4.1: a local part may be quoted.
            self.position = rest.end()
            self.pending.bare = f'"{content}"{rest.group()}'
            return
        content = _UNQUOTE.sub(r"\1", content) if "\\" in content else content
        self.pending.add(f" {content} ")

    def read_comment(self) -> None:
        if "(" in self.unclosed:
            return
        depth, position = 1, self.position
        while depth:
            mark = _COMMENT_MARK.search(self.text, position)
            if mark is None:
                self.unclosed.add("(")
                return
            position = mark.end()
            match mark.group():
                case "(":
                    depth += 1
                case ")":
                    depth -= 1
                case _:
                    position += 1
        comment = self.text[self.position : position - 1]
        self.pending.comments.append(_UNQUOTE.sub(r"\1", comment).strip())
        self.position = position

    def read_angle(self) -> None:
        end = -1 if "<" in self.unclosed else self.text.find(">", self.position)
        if end < 0:
            self.unclosed.add("<")
            return
        content = self.text[self.position : end].strip().lstrip("<").strip()
        self.position = end + 1
        if content.startswith("@") and ":" in content:
            # RFC 5322 4.4: an obsolete route in front of the address.
            content = content.rpartition(":")[2]
        if content.startswith("=?"):
            content = decode_text(content)
        if '"' not in content:
            content = "".join((_COMMENT.sub("", content) if "(" in content else content).split())
        if content[:7].lower() == "mailto:":
            content = content[7:]
        if self.pending.angle:
            # `Ann <a@b> Bob <c@d>`: the comma is missing.
            name, self.pending.tail = self.pending.tail, []
            self.end_address()
            self.pending.pieces = name
        self.pending.angle = content

    def read_colon(self) -> None:
        pending = self.pending
        if pending.has_colon or pending.angle is not None:
            # Joining the pieces at each colon would be quadratic.
            pending.add(":")
            return
        phrase = "".join(pending.pieces)
        if self.group is None and "@" not in phrase and phrase.strip().lower() not in ("", "mailto"):
            self.end_group()
            self.pending = _Pending()
            self.group = decode_text(phrase)
        elif phrase.strip().lower() == "mailto":
            pending.pieces.clear()
        else:
            pending.pieces.append(":")
            pending.has_colon = True

    def end_address(self) -> None:
        has_angle = self.pending.angle is not None
        address = self.pending.take()
        if address is None or self.count >= MAX_ADDRESSES:
            return
        if has_angle and address.name and self.found and self.is_cut_name(self.found[-1]):
            # `Doe, John <a@b>` without the quotes it needs.
            cut = self.found.pop()
            self.count -= 1
            address = Address(f"{cut.name or cut.email}, {address.name}", address.email)
        self.found.append(address)
        self.count += 1

    @staticmethod
    def is_cut_name(address: Address) -> bool:
        return "@" not in address.email and not (address.name and address.email)

    def end_group(self) -> None:
        if self.found or self.group is not None:
            self.groups.append(AddressGroup(self.group, tuple(self.found)))
        self.found = []
        self.group = None


def _read_fast(text: str) -> tuple[Address, ...] | None:
    """Addresses of a field in which each has a plain form, or None."""
    found: list[Address] = []
    position, size = 0, len(text)
    match = _FAST.match
    while position < size:
        one = match(text, position)
        if one is None or len(found) >= MAX_ADDRESSES:
            return None
        quoted, phrase, email, bare = one.groups()
        if bare:
            found.append(Address("", bare))
        else:
            name = quoted or phrase
            if name:
                name = name.strip() if name.isascii() and name.isprintable() and "=?" not in name else decode_text(name)
            found.append(Address(name or "", email))
        position = one.end()
    return tuple(found)


def _read_known(value: bytes) -> tuple[Address, ...] | None:
    """A field in which what stands between the commas is an address of a plain form each time; else None.

    A piece that is one by itself is one in its field: no quotation or comment can be open where it begins.
    """
    pieces = value.split(b",", MAX_ADDRESSES)
    if len(pieces) >= MAX_ADDRESSES or len(value) > MAX_HEADER_BYTES:
        return None
    found = []
    for piece in pieces:
        address = _read_piece(piece) if len(piece) <= _MAX_CACHED_BYTES else None
        if address is None:
            return None
        found.append(address)
    return tuple(found)


@lru_cache(maxsize=8_192)
def _read_piece(piece: bytes) -> Address | None:
    # The same people write again and again: reading them anew was a fifth of the time of a list header.
    fast = (
        _read_fast(piece.decode("ascii")) if piece.isascii() and b"\0" not in piece and b"\x1b" not in piece else None
    )
    return fast[0] if fast and len(fast) == 1 else None


def parse_addresses(value: bytes | str) -> tuple[Address, ...]:
    """All addresses of a field, groups flattened (RFC 8621 4.1.2.3), at most MAX_ADDRESSES; a comment serves as name.

    Best effort on broken input: a missing comma, bracket or quote costs a name rather than an address. Never raises.
    """
    if isinstance(value, bytes) and (known := _read_known(value)) is not None:
        return known
    text = header_to_str(value[:MAX_HEADER_BYTES])
    if text.isascii() and "\0" not in text:
        fast = _read_fast(text)
        if fast is not None:
            return fast
    return tuple(address for group in _Reader(text).read() for address in group.addresses)


def parse_address_groups(value: bytes | str) -> tuple[AddressGroup, ...]:
    """As `parse_addresses`, with the groups (RFC 8621 4.1.2.4)."""
    return _Reader(header_to_str(value[:MAX_HEADER_BYTES])).read()


_ATEXT_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_QUOTE_NAME = re.compile(r'(["\\])')


def format_address(address: Address) -> str:
    """`Name <email>` for people and for header writers: the name quoted where RFC 5322 asks for it, Unicode kept."""
    name, email = clean_text(address.name), clean_text(address.email)
    if not name:
        return email
    if not _ATEXT_NAME.fullmatch(name) and (name.isascii() or re.search(r'[()<>\[\]:;@\\,."]', name)):
        name = '"' + _QUOTE_NAME.sub(r"\\\1", name) + '"'
    return f"{name} <{email}>"


_ATOM = re.compile(r"[^\s\x00-\x1f\x7f-\x9f()<>\[\]:;@\\,.\"\ud800-\udfff]+")
_LOCAL_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*+"')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


def is_valid_email(text: str) -> bool:
    """Whether a user's input is an address one may send to: RFC 5321 with UTF-8 local parts and IDNA domains."""
    local, at, domain = text.rpartition("@")
    if not at or len(text) > 320 or len(local.encode("utf-8", "replace")) > 64 or not domain:
        return False
    if not _LOCAL_QUOTED.fullmatch(local) and not all(_ATOM.fullmatch(atom) for atom in local.split(".")):
        return False
    return _is_valid_domain(domain)


def _is_valid_domain(domain: str) -> bool:
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        try:
            ipaddress.ip_address(literal[5:] if literal[:5].lower() == "ipv6:" else literal)
        except ValueError:
            return False
        return True
    if len(domain) > 255:
        return False
    try:
        encoded = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = encoded.split(".")
    return len(encoded) <= 253 and not labels[-1].isdigit() and all(_is_valid_label(label) for label in labels)


def _is_valid_label(label: str) -> bool:
    if len(label) > 63 or _LABEL.fullmatch(label) is None:
        return False
    if label[:4].lower() != "xn--":
        return True
    try:
        # Not the codec "idna": it knows the names of 2003 alone, and `xn--fa-hia` is one of today.
        label[4:].encode("ascii").decode("punycode").encode("utf-8")
    except (UnicodeError, ValueError):
        return False
    return True


def unique_emails(addresses: tuple[Address, ...]) -> Iterator[Address]:
    """Addresses without repetitions: the domain, and in practice the local part, is compared without case."""
    seen: set[str] = set()
    for address in addresses:
        key = address.email.casefold()
        if key not in seen:
            seen.add(key)
            yield address
