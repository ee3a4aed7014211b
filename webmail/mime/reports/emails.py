"""Addresses in the texts of reports: found where they stand, in linear time, and written in one way.

A report is free text of some server. What looks like an address may be a message id, a host, or the postmaster to ask;
the callers decide by the place it stands in.
"""

import re
from typing import Final

from webmail.mime.reports.wording import clean_words

MAX_EMAIL_CHARS: Final = 320

_STOPS: Final = r"\s<>()\[\],;:\"|@\\"
_DOMAIN: Final = r"[^\W_](?:[\w-]|\.(?=[\w-]))*"
# For rows that say what stands in front of it.
ADDRESS: Final = rf"(?:\"[^\"\s@]{{1,64}}+\"|[^{_STOPS}]++)@{_DOMAIN}+"
# The look-behind lets an attempt begin at the first character of a word only, which keeps the search linear.
_ADDRESS: Final = re.compile(rf"(?<![^{_STOPS}]){ADDRESS}")
_WHOLE: Final = re.compile(rf"(?:\"[^\"\s@]{{1,64}}+\"|[^{_STOPS}]{{1,250}}+)@{_DOMAIN}")
_X400_PREFIX: Final = re.compile(r"^(?:smtp|rfc822|mailto|to)=", re.IGNORECASE)


def find_emails(text: str) -> tuple[str, ...]:
    """All addresses of `text` in order, each once, in the form `tidy_email` gives."""
    if "@" not in text:
        return ()
    found = (tidy_email(one.group()) for one in _ADDRESS.finditer(text))
    return tuple(dict.fromkeys(email for email in found if email))


def tidy_email(text: str) -> str:
    """One address without brackets, quotes and route, its domain in lower case; "" if it is none."""
    email = clean_words(text, max_chars=MAX_EMAIL_CHARS * 2).strip("<>[]() '`\u2018\u2019,;")
    if email.startswith("@") and ":" in email:
        # RFC 5321 4.1.1.3: a source route in front of the address.
        email = email.rpartition(":")[2]
    if email.lower().startswith(("mailto:", "smtp:")):
        email = email.partition(":")[2]
    email = _X400_PREFIX.sub("", email)
    local, at, domain = email.rpartition("@")
    domain = domain.rstrip(".-").lower()
    email = f"{local}@{domain}"
    return email if at and len(email) <= MAX_EMAIL_CHARS and _WHOLE.fullmatch(email) else ""


def domain_of(email: str) -> str:
    """The domain of an address, "" if it has none."""
    return email.rpartition("@")[2] if "@" in email else ""
