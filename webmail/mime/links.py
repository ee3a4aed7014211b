"""What a link in a mail does not say: that it leads elsewhere than it reads (security R14), and what it carries along.

Pure: nothing is looked up or opened. A browser's reading of a URL is what counts, not the standard's: a backslash is a
slash, tabs and line ends vanish, everything before the last @ is a user name.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal
from urllib.parse import unquote

from webmail.mime.hosts import (
    display_host,
    has_public_suffix,
    normalise_host,
    numeric_address,
    registrable_domain,
    same_domain,
    unicode_host,
)
from webmail.mime.look_alikes import has_mixed_scripts, is_well_known, look_alike_of

Reason = Literal["other-host", "mixed-scripts", "look-alike", "userinfo", "numeric-host"]

MAX_TEXT_CHARS: Final = 2_000  # of a link's text that is searched for hosts: a link round a whole page names none
MAX_WORDS: Final = 300
MAX_USER_CHARS: Final = 1_000  # of the part before an @ in a URL


@dataclass(frozen=True, slots=True)
class LinkWarning:
    """Why a link deserves a question. `shown`: the host that its text or its disguise names; `real`: where it leads.

    Both are fit for a page; `shown` is "" where there is no such host.
    """

    reason: Reason
    shown: str
    real: str


_VANISHING = re.compile(r"[\t\r\n]++")
_BLANK = "".join(map(chr, range(0x21)))
_AUTHORITY = re.compile(r"(?:https?+|ftp):[/\\]*+([^/\\?#]*+)", re.IGNORECASE)
_PORT = re.compile(r":[0-9]*+\Z")


def _split_authority(authority: str) -> tuple[str, str]:
    """User name and host of an authority, the port cut off, as written."""
    user, _, host = authority.rpartition("@")
    return user, _PORT.sub("", host)


def host_of(url: str) -> str:
    """The normalised host that a browser would go to for an http, https or ftp URL; "" for any other."""
    return _read_url(url)[1]


def _read_url(url: str) -> tuple[str, str]:
    """User name and normalised host; ("", "") where there is no host."""
    found = _AUTHORITY.match(_VANISHING.sub("", url.strip(_BLANK)))
    if found is None:
        return "", ""
    # A user name of any length may stand before the host: only then is it cut.
    user, host = _split_authority(found[1])
    if "%" in host:
        host = unquote(host, errors="replace")
    return unquote(user[:MAX_USER_CHARS], errors="replace"), normalise_host(host)


# --- Hosts that a text names ---

_BREAKS = re.compile(r"[\s<>()\[\]{}\"'“”„‘’‚«»‹›|,;→•·]++")
_EDGES = ".!…:*_~-–—&"
_SCHEME = re.compile(r"(?:https?+|hxxps?+|ftp)[:\uff1a][/\\]{1,3}+", re.IGNORECASE)
_HOST_END = re.compile(r"[/\\?#:…]")
# Marks that turn the reading direction: what is seen may be the text from behind.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]++")
# Suffixes that are ends of file names more often: alone in a text, such a word is a file.
_FILE_ENDS = frozenset({"cc", "inc", "java", "md", "ml", "mov", "pl", "pm", "ps", "py", "rs", "sh", "so", "zip"})
_PRODUCTS = frozenset({"asp.net", "vb.net", "ado.net"})


def host_named_in(text: str) -> str | None:
    """The first host that a text names to its reader, normalised; None where it names none.

    A host is written as a URL, begins with "www." or is a word below a public suffix that cannot as well be a file.
    """
    cut = text[:MAX_TEXT_CHARS]
    if "." not in cut and "\u3002" not in cut and "\uff0e" not in cut:
        return None
    plain = _UNSEEN.sub("", cut)
    found = _find_host(plain)
    if found is None and _TURNS.search(cut):
        found = _find_host(plain[::-1])
    return found


def _find_host(text: str) -> str | None:
    words = _BREAKS.split(text, MAX_WORDS)[:MAX_WORDS]
    is_alone = len([word for word in words if word]) == 1
    for word in words:
        if len(word) >= 4 and (host := _read_word(word, is_alone=is_alone)):
            return host
    return None


def _read_word(word: str, *, is_alone: bool) -> str | None:
    scheme = _SCHEME.search(word)
    if scheme is None and "@" in word:
        return None  # an address names a person
    rest = word[scheme.end() :] if scheme else _from_www(word).lstrip(_EDGES)
    written = _HOST_END.split(rest, 1)[0] if scheme is None else _AUTHORITY_END.split(rest, 1)[0]
    if scheme is not None:
        written = _split_authority(written)[1]
    has_path = len(written) < len(rest.rstrip(_EDGES))
    host = _to_host(written.strip(_EDGES))
    if host is None or scheme is not None or host.startswith("www."):
        return host
    return host if has_path or _is_bare_host(host, written, is_alone=is_alone) else None


def _from_www(word: str) -> str:
    """The word from its "www." on, where a script without spaces stands right before it."""
    at = word.lower().find("www.")
    return word[at:] if at > 0 and not word[at - 1].isascii() else word


_AUTHORITY_END = re.compile(r"[/\\?#…]")
_FIRST_ASCII = re.compile(r"[A-Za-z0-9-]++")


def _to_host(written: str) -> str | None:
    name, dot, last = written.rpartition(".")
    if dot and not last.isascii() and (ascii_part := _FIRST_ASCII.match(last)):
        # Scripts without spaces go on right behind the host.
        written = f"{name}.{ascii_part[0]}"
    host = normalise_host(written)
    if not host or "_" in host or "." not in host:
        return None
    return host if numeric_address(host) or has_public_suffix(host) else None


def _is_bare_host(host: str, written: str, *, is_alone: bool) -> bool:
    if numeric_address(host) or host in _PRODUCTS:
        return False  # a version number, a product
    last = written.rstrip(".").rpartition(".")[2]
    if host.count(".") == 1 and last.lower() in _FILE_ENDS:
        return False
    # "done.In short": a sentence that lost its space.
    return is_alone or not (last[:1].isupper() and last[1:].islower())


# --- The judgement ---


def judge_link(href: str, text: str) -> LinkWarning | None:
    """What the reader should know before following a link, the gravest first; None if it leads where it seems to.

    `href`: as in the message; only http, https and ftp lead to hosts. `text`: what the link shows, without markup.
    """
    user, host = _read_url(href)
    if not host:
        return None
    real = display_host(host)
    if user:
        return LinkWarning("userinfo", _shown_user(user), real)
    named = host_named_in(text)
    if address := numeric_address(host):
        if named is not None and numeric_address(named) == address and host == address:
            return None  # it reads as the plain address that it is
        return LinkWarning("numeric-host", display_host(named) if named else "", address)
    disguise = judge_host(host)
    if disguise is not None:
        return disguise
    if named is not None and not same_domain(named, host):
        return LinkWarning("other-host", display_host(named), real)
    return None


def _shown_user(user: str) -> str:
    """The host that the part before the @ pretends to be; "" if it is none."""
    host = normalise_host(user.partition(":")[0])
    return display_host(host) if host and has_public_suffix(host) else ""


@lru_cache(maxsize=2_048)
def judge_host(host: str) -> LinkWarning | None:
    """Whether a normalised host is made to be taken for another: scripts mixed in a label, drawn like a known name."""
    labels = unicode_host(host).split(".")
    if any(map(has_mixed_scripts, labels)):
        alike = next((found for label in labels if (found := look_alike_of(label))), "")
        return LinkWarning("mixed-scripts", alike, display_host(host))
    known = look_alike_of(unicode_host(registrable_domain(host)).split(".")[0]) or _borrowed_name(host)
    return LinkWarning("look-alike", known, display_host(host)) if known else None


def _borrowed_name(host: str) -> str | None:
    """The known domain that stands in front of somebody else's: "paypal.com.example.net"."""
    own = registrable_domain(host)
    front = host.removesuffix(own).rstrip(".").split(".")
    for label, suffix in pairwise(front):
        if is_well_known(label) and suffix in {"com", "net", "org", "de", "fr", "co"} and label not in own.split("."):
            return f"{label}.{suffix}"
    return None


# --- Tracking parameters ---

# Parameters that tell the target who clicked, in which mailing; pages work the same without them.
_NAMES = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid _openstat ymclid twclid ttclid igshid igsh li_fat_id epik
    srsltid irclickid rb_clickid wickedid s_kwcid ef_id
    mc_cid mc_eid mc_tc
    _hsenc _hsmi __hssc __hstc __hsfp hsctatracking
    mkt_tok vero_id vero_conv oly_anon_id oly_enc_id dm_i dm_t _kx _ke __s
    ml_subscriber ml_subscriber_hash ck_subscriber_id inf_contact_key sfmc_id sfmc_activityid et_rid
    elqtrackid elqaid elqat elqcampaignid elqtrack
    ss_email_id ss_campaign_id ss_source _branch_match_id _branch_referrer
    guccounter guce_referrer guce_referrer_sig nr_email_referer vgo_ee trk_contact trk_msg trk_module trk_sid trkemail
"""
_TRACKING = frozenset(_NAMES.split())
_TRACKING_STARTS = ("utm_", "mtm_", "pk_", "piwik_", "matomo_", "bsft_", "hsa_", "sfmc_")
_MAX_NAME_CHARS = 60


def without_tracking(url: str) -> str:
    """An http(s) URL without the parameters that only tell who clicked; everything else stays byte for byte."""
    base, mark, fragment = url.partition("#")
    path, question, query = base.partition("?")
    if not question or path.lstrip(_BLANK)[:4].lower() != "http":
        return url
    pieces = query.split("&")
    kept = [piece for piece in pieces if not _is_tracking(piece)]
    if len(kept) == len(pieces):
        return url
    if not any(kept):
        return path + mark + fragment
    return f"{path}?{'&'.join(kept)}{mark}{fragment}"


def _is_tracking(piece: str) -> bool:
    name = piece.partition("=")[0]
    if not name or len(name) > _MAX_NAME_CHARS:
        return False
    name = unquote(name).lower().removeprefix("amp;")
    return name in _TRACKING or name.startswith(_TRACKING_STARTS)
