"""Scripts of Unicode text, and names that are drawn like a well-known one (the ideas of UTS 39, on a small table).

What it finds is a reason to ask the reader, never to refuse a message: the table knows the usual tricks, not all.
"""

import unicodedata
from functools import lru_cache

_MAX_CHARS = 500
# Scripts that one word may mix, because languages do (UTS 39 5.2, "highly restrictive").
_MIXTURES = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_SCRIPT_NAMES = {
    "CJK": "HAN",
    "IDEOGRAPHIC": "HAN",
    "FULLWIDTH": "LATIN",
    "HENTAIGANA": "HIRAGANA",
    "HALFWIDTH": "KATAKANA",
    "FEMININE": "LATIN",
    "MASCULINE": "LATIN",
    "MICRO": "GREEK",
    "KATAKANA-HIRAGANA": "KATAKANA",
}
# Letters of no script, or shared by several: they mix with anything.
_NO_SCRIPT = frozenset({"MODIFIER", "SUPERSCRIPT", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER"})

# Letters that are drawn like Latin ones. Lower case only: names are folded first.
_DRAWN_ALIKE = str.maketrans(
    # Cyrillic
    "авгезийкмнорстухѕіјһԁԛԝүӏґьпԍш"
    # Greek
    "αβγεηικμνορστυχω"
    # Armenian
    "օոսհցզա"
    # Latin beside the usual
    "ıɑɡɩɪʟłøđħŧƙɢᴏꜱſß"
    # Digits
    "0135",
    "abre3uukmhopctyxsijhdqwylrbngwabyenikuvopotuxwonuhgqwiagiillodhtkgossboles",
)

# Of those, the letters that nobody can tell apart: Cyrillic, Greek, Armenian.
_TWINS = frozenset("асԁеһіјӏорԛѕԝхуүьονօոսհցզ")

# Names that impostors like best, as the label before the public suffix. Short ones collide with honest names.
_NAMES = """
    adobe alibaba aliexpress allegro amazon americanexpress amazonaws apple atlassian bankofamerica barclays binance
    bitbucket blockchain booking capitalone chase citibank cloudflare coinbase commerzbank corriere costco deutschebank
    deutschepost dhl discord docusign dropbox ebay etsy expedia facebook fastmail fedex github gitlab google gmail
    hermes hotmail hsbc icloud ikea instagram intuit itunes kleinanzeigen kraken lastpass linkedin live lloydsbank
    mailbox mailchimp mastercard metamask microsoft microsoftonline mozilla natwest netflix office office365 okta
    onedrive openai orange outlook paypal pinterest postbank postfinance proton protonmail quickbooks rakuten reddit
    revolut royalmail salesforce samsung santander sharepoint shopify signal skype slack snapchat sparkasse spotify
    steamcommunity steampowered stripe swisscom target telegram telekom tiktok trustwallet twitch twitter uber
    unicredit vodafone volksbank walmart wellsfargo wetransfer whatsapp wikipedia wordpress yahoo youtube zalando
    zendesk zoom
"""
_WELL_KNOWN = frozenset(_NAMES.split())
_SHORTEST_NAME = 4


@lru_cache(maxsize=4_096)
def _script_of(char: str) -> str | None:
    if not unicodedata.category(char).startswith("L"):
        return None
    first = unicodedata.name(char, "UNKNOWN").split(" ", 1)[0]
    return None if first in _NO_SCRIPT else _SCRIPT_NAMES.get(first, first)


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of the letters of `text`, by their Unicode names in capitals ("LATIN", "HAN"). Digits have none."""
    if text.isascii():
        return frozenset({"LATIN"}) if any(map(str.isalpha, text)) else frozenset()
    return frozenset(found for char in set(text[:_MAX_CHARS]) if (found := _script_of(char)) is not None)


def has_mixed_scripts(word: str) -> bool:
    """Whether one word, or one label of a host, mixes scripts in a way that no language does."""
    if word.isascii():
        return False
    scripts = scripts_of(word)
    return len(scripts) > 1 and not any(scripts <= mixture for mixture in _MIXTURES)


@lru_cache(maxsize=4_096)
def skeleton(name: str) -> str:
    """What `name` looks like: the same for names that are drawn alike. For comparing, never for showing."""
    folded = unicodedata.normalize("NFKD", name[:_MAX_CHARS].casefold())
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    drawn = bare.translate(_DRAWN_ALIKE)
    return drawn.replace("rn", "m").replace("vv", "w")


_SKELETONS = {skeleton(name): name for name in sorted(_WELL_KNOWN)}


def look_alike_of(label: str) -> str | None:
    """The well-known name that `label` (Unicode, without dots) is drawn like without being it; else None."""
    lowered = label.casefold()
    if lowered in _WELL_KNOWN or len(lowered) < _SHORTEST_NAME:
        return None
    return _SKELETONS.get(skeleton(lowered))


def is_well_known(label: str) -> bool:
    """Whether impostors like this name. `label`: lower case, without dots."""
    return label in _WELL_KNOWN


def is_drawn_latin(word: str) -> bool:
    """Whether every letter of a word without Latin letters is drawn just as a Latin one ("соса" in Cyrillic)."""
    return (
        not word.isascii()
        and "LATIN" not in scripts_of(word)
        and all(char in _TWINS for char in word if char.isalpha())
    )
