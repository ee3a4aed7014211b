"""Labels of character sets as mail has them, to the Python codecs that read them.

Only text codecs are reached: a label such as "zip" or "punycode" must not choose one that unpacks or needs quadratic time.
"""

import codecs
import re
from functools import lru_cache

_LABEL = re.compile(r"[a-z0-9][a-z0-9_.:+-]{0,63}")

# Python's text codecs that are no character sets of mail; punycode and idna are quadratic, the escapes run on anything.
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape", "undefined"})
_REFUSED_LABELS = frozenset(
    {"unicode-escape", "raw-unicode-escape", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}
)

# Labels that senders use for a larger set than the one they name, and labels Python does not know
# (https://encoding.spec.whatwg.org/ section 4.2 is the source of most).
_ALIASES = {
    "us-ascii": "ascii",
    "ansi_x3.4-1968": "ascii",
    "iso646-us": "ascii",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "iso-latin-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "x-cp1252": "cp1252",
    "iso-8859-9": "cp1254",
    "latin5": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-8-e": "iso8859_8",
    "iso-8859-6-i": "iso8859_6",
    "iso-8859-6-e": "iso8859_6",
    "logical": "iso8859_8",
    "visual": "iso8859_8",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gb2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "euc-cn": "gb18030",
    "euccn": "gb18030",
    "chinese": "gb18030",
    "hz-gb-2312": "hz",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ks_c_5601": "cp949",
    "ksc_5601": "cp949",
    "ksc5601": "cp949",
    "ks-c-5601-1987": "cp949",
    "euc-kr": "cp949",
    "euckr": "cp949",
    "korean": "cp949",
    "windows-949": "cp949",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    "iso-2022-cn": "iso2022_cn",
    "iso-2022-cn-ext": "iso2022_cn",
    "iso-2022-jp-1": "iso2022_jp_1",
    "iso-2022-jp-2": "iso2022_jp_2",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "csiso2022jp": "iso2022_jp",
    "iso-2022-jp-ms": "iso2022_jp",
    "utf8": "utf-8",
    "utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "iso-10646-ucs-2": "utf-16-be",
    "ucs-2": "utf-16",
    "unicode": "utf-16",
    "macintosh": "mac_roman",
    "x-macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ukrainian": "mac_cyrillic",
    "x-mac-ce": "mac_latin2",
    "x-mac-centraleurroman": "mac_latin2",
    "x-mac-greek": "mac_greek",
    "x-mac-turkish": "mac_turkish",
    "x-mac-icelandic": "mac_iceland",
    "x-mac-croatian": "mac_croatian",
    "x-mac-romanian": "mac_romanian",
    "x-mac-arabic": "mac_arabic",
    "x-mac-farsi": "mac_farsi",
    "x-mac-japanese": "cp932",
    "x-mac-korean": "cp949",
    "x-mac-chinesetrad": "big5hkscs",
    "x-mac-chinesesimp": "gb18030",
    "cp10000": "mac_roman",
    "cp10001": "cp932",
    "cp10002": "big5hkscs",
    "cp10003": "cp949",
    "cp10006": "mac_greek",
    "cp10007": "mac_cyrillic",
    "cp10008": "gb18030",
    "cp10029": "mac_latin2",
    "cp10079": "mac_iceland",
    "cp10081": "mac_turkish",
    "cp51932": "euc_jp",
    "cp51949": "cp949",
    "cp54936": "gb18030",
    "cp65001": "utf-8",
    "cp20866": "koi8_r",
    "cp21866": "koi8_u",
    "koi": "koi8_r",
    "koi8": "koi8_r",
    "koi8-ru": "koi8_u",
}

# Labels that are written in a hundred ways, or have something stuck to their end.
_FAMILIES = (
    (re.compile(r"(?:x-)?(?:windows|win|cp|microsoft-cp|ms)[-_ ]?(125[0-8]|874|932|936|949|950)(?!\d)"), "cp{}"),
    (re.compile(r"(?:x-)?(?:iso[-_ ]{0,2})?8859[-_ ]?([1-9]|1[0-6])(?!\d)"), "iso-8859-{}"),
    (re.compile(r"(?:x-)?utf[-_ ]?(8|7|16|32)(?!\d)"), "utf-{}"),
    (re.compile(r"iso[-_ ]?2022[-_ ]?(jp|kr)"), "iso-2022-{}"),
    (re.compile(r"gb[-_ ]?(2312|18030)"), "gb{}"),
)


@lru_cache(maxsize=512)
def find_codec(label: str) -> str | None:
    """The name of the Python codec for a charset label of mail ("iso2022_cn": that of `iso_2022`), or None for an unknown one."""
    label = label.strip(" \t\r\n\"';").lower()
    if label in _ALIASES:
        return _ALIASES[label]
    if label in _REFUSED_LABELS:
        return None
    return (_codec_of(label) if _LABEL.fullmatch(label) else None) or _family_of(label)


def _codec_of(label: str) -> str | None:
    for candidate in (label, label.removeprefix("x-"), label.replace("cp-", "cp").replace("windows-", "cp")):
        try:
            info = codecs.lookup(candidate)
        except (LookupError, ValueError, ImportError):
            continue
        if info.name not in _REFUSED and getattr(info, "_is_text_encoding", True):
            return _ALIASES.get(info.name.replace("iso8859-", "iso-8859-"), info.name)
    return None


def _family_of(label: str) -> str | None:
    for pattern, name in _FAMILIES:
        if found := pattern.match(label):
            known = name.format(found.group(1))
            return _ALIASES.get(known) or _codec_of(known)
    return None
