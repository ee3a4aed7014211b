"""How a reader wishes to see one message just now, and how the document of its body looks because of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from accounts.models import MailColors, User

LIGHT: Final = "light"
DARK: Final = "dark"
AUTO: Final = "auto"
MAX_HITS_CHARS: Final = 700
_SCHEMES = {User.Theme.LIGHT: LIGHT, User.Theme.DARK: DARK, User.Theme.SYSTEM: AUTO}


@dataclass(frozen=True)
class Wish:
    """`form`: as plain text or as HTML whatever the reader prefers; `face`: plain text in letters of one width, or not.

    `original`: in the sender's colours; `quoted`: with what is quoted at the end; `pictures`: the word that lets pictures
    from elsewhere be loaded once (`remote_content.grant`); `hits`: words of a search to mark (`searching.marks.write_hits`).
    """

    form: Literal["", "text", "html"] = ""
    face: Literal["", "fixed", "reading"] = ""
    original: bool = False
    quoted: bool = False
    pictures: str = ""
    hits: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wish:
        """What the address says."""
        form, face = query.get("form", ""), query.get("face", "")
        return cls(
            form="text" if form == "text" else "html" if form == "html" else "",
            face="fixed" if face == "fixed" else "reading" if face == "reading" else "",
            original=query.get("colors") == "original",
            quoted=query.get("quoted") == "1",
            pictures=query.get("pictures", "")[:300],
            hits=query.get("hits", "")[:MAX_HITS_CHARS],
        )

    def as_query(self, **changes: str | None) -> dict[str, str | None]:
        """The same wish in an address, with these changes."""
        kept = {
            "form": self.form or None,
            "face": self.face or None,
            "colors": "original" if self.original else None,
            "quoted": "1" if self.quoted else None,
            "pictures": self.pictures or None,
            "hits": self.hits or None,
        }
        return {**kept, **changes}


NO_WISH = Wish()


def look_of(user: User, wish: Wish, *, keeps_colors: bool) -> str:
    """The query of a body's address; `keeps_colors`: the reader has said so for this sender."""
    original = wish.original or keeps_colors or user.mail_colors == MailColors.ORIGINAL
    scheme = LIGHT if original else _SCHEMES.get(User.Theme(user.theme), AUTO)
    marked = {"hits": wish.hits} if wish.hits else {}
    return urlencode({"scheme": scheme, **({"quoted": 1} if wish.quoted else {"fold": 1}), **marked})
