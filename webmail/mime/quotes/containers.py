"""The elements in which mail programs put quotations, attributions and signatures, by their own class, id and name.

Senders' own HTML is hostile, but nothing here decides about safety: at worst something folds that should not, one click away.
"""

import re
from enum import Enum
from typing import Final


class Role(Enum):
    """What an element holds."""

    QUOTATION = "quotation"
    INDENTATION = "indentation"  # a blockquote without a sign of a program: a quotation only behind an attribution
    ATTRIBUTION = "attribution"
    INTRODUCTION = "introduction"  # attribution and quotation; own text may stand behind them
    REST = "rest"  # the quotation begins here and goes on to the end of the message
    HEADER = "header"  # a line as Outlook draws it above a header
    SIGNATURE = "signature"
    FORWARDED = "forwarded"


_ATTRIBUTE: Final = re.compile(
    r"[ \t\n\f\r/]*+([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)"
    r"(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+"
    r"""(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^ \t\n\f\r>"'][^ \t\n\f\r>]*+)|(?=>)|\Z))?+"""
)
_TELLING: Final = frozenset(
    {"class", "id", "name", "type", "style", "data-marker", "data-signatureblock", "data-smartmail", "cite"}
)
_HAS_TELLING: Final = re.compile(r"class|id|name|type|style|data-|cite", re.IGNORECASE)

# Values of class, id or name, lower case. OWA puts "x_" in front of the names in what it quotes and Hotmail "ecx": those are inside
# a quotation already, but a copied reply begins with them too.
_NAMES: Final[dict[str, Role]] = {
    # Gmail and who writes like it (K-9, Superhuman, Mailspring, Samsung)
    "gmail_quote": Role.INTRODUCTION,
    "gmail_quote_container": Role.INTRODUCTION,
    "gmail_attr": Role.ATTRIBUTION,
    "gmail_signature": Role.SIGNATURE,
    "gmail_signature_prefix": Role.SIGNATURE,
    "nylas-quote": Role.INTRODUCTION,
    # Thunderbird, SeaMonkey, Betterbird
    "moz-cite-prefix": Role.ATTRIBUTION,
    "moz-signature": Role.SIGNATURE,
    "moz-txt-sig": Role.SIGNATURE,
    "moz-forward-container": Role.FORWARDED,
    # Outlook: for Mac, on the web, on the telephone, Hotmail
    "olk_src_body_section": Role.QUOTATION,
    "divrplyfwdmsg": Role.REST,
    "stopspelling": Role.REST,
    "ms-outlook-mobile-reference-message": Role.QUOTATION,
    "mail-editor-reference-message-container": Role.QUOTATION,
    "ms-outlook-mobile-signature": Role.SIGNATURE,
    "signature": Role.SIGNATURE,
    "ms-outlook-signature": Role.SIGNATURE,
    "outlooksignature": Role.SIGNATURE,
    # Apple
    "applemailsignature": Role.SIGNATURE,
    "apple-mail-signature": Role.SIGNATURE,
    # Yahoo, AOL
    "yahoo_quoted": Role.QUOTATION,
    "yahoo_quoted_begin": Role.REST,
    "yahoo-signature": Role.SIGNATURE,
    "aolreplacedbody": Role.QUOTATION,
    # Zimbra, Roundcube, Zoho, Fastmail, Proton, Tuta
    "zwchr": Role.REST,
    "__headers__": Role.HEADER,
    "__quoted_text__": Role.QUOTATION,
    "__sig_pre__": Role.SIGNATURE,
    "__sig_post__": Role.SIGNATURE,
    "reply-intro": Role.ATTRIBUTION,
    "zmail_extra": Role.QUOTATION,
    "zmail_signature_below": Role.SIGNATURE,
    "zm-_id_-sgn": Role.SIGNATURE,
    "qt": Role.QUOTATION,
    "protonmail_quote": Role.INTRODUCTION,
    "protonmail_signature_block": Role.SIGNATURE,
    "tutanota_quote": Role.QUOTATION,
    # Front, Missive, Spark, Airmail, Mimestream
    "front-blockquote": Role.QUOTATION,
    "front-signature": Role.SIGNATURE,
    "missive_quote": Role.QUOTATION,
    "messagereplysection": Role.QUOTATION,
    "messagesignaturesection": Role.SIGNATURE,
    "airmail_on": Role.ATTRIBUTION,
    "bloop_sign": Role.SIGNATURE,
    # mail.ru, Yandex
    "mail-quote-collapse": Role.QUOTATION,
    "mailru-message-quote": Role.QUOTATION,
    "mail-app-auto-default-signature": Role.SIGNATURE,
    "js-compose-signature": Role.SIGNATURE,
    # NetEase, Tencent, Alibaba
    "isreplycontent": Role.QUOTATION,
    "isforwardcontent": Role.FORWARDED,
    "ntes-mailmaster-quote": Role.QUOTATION,
    "spneditorsign": Role.SIGNATURE,
    "xm_mail_oringinal_describe": Role.REST,
    "foxmail_reply": Role.QUOTATION,
    # Lotus Notes, Evolution, GroupWise
    "gwquotearea": Role.QUOTATION,
    "-x-evo-paragraph-signature": Role.SIGNATURE,
    "evolution-signature": Role.SIGNATURE,
}
# A number or an address follows the name.
_NAME_STARTS: Final = (
    ("yahoo_quoted_", Role.QUOTATION),
    ("aolmsgpart_", Role.QUOTATION),
    ("replybody_quote", Role.QUOTATION),
    ("mobile-signature", Role.SIGNATURE),
)
# Outlook 2007 to 365, Windows Mail, Foxmail: the line above the header, whatever the language.
_OUTLOOK_LINE: Final = re.compile(
    r"border-top: ?solid (?:#b5c4df|#e1e1e1|windowtext) 1|border-top-color: ?rgb\((?:229, 229, 229|181, 196, 223)\)",
    re.IGNORECASE,
)
_COPY_PREFIXES: Final = ("x_", "ecx")


def role_of(name: str, attributes: str) -> Role | None:
    """What the element `name` with this text between its name and `>` holds, or None if it is just markup."""
    if not attributes or not _HAS_TELLING.search(attributes):
        return Role.INDENTATION if name == "blockquote" else None
    values = _telling_values(attributes)
    role = _named_role(values)
    if name == "blockquote":
        is_cited = role in {Role.INTRODUCTION, Role.QUOTATION, Role.ATTRIBUTION}
        is_cited = is_cited or values.get("type") == "cite" or "cite" in values
        return Role.QUOTATION if is_cited else role or Role.INDENTATION
    if role is None and name == "div":
        if values.get("name") == "quote":  # GMX, Web.de, mail.com
            return Role.QUOTATION
        if _OUTLOOK_LINE.search(values.get("style", "")):
            return Role.HEADER
    return role


def _telling_values(attributes: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for found in _ATTRIBUTE.finditer(attributes):
        name = found[1].lower()
        if name in _TELLING and name not in values:
            values[name] = (found[2] or found[3] or found[4] or "").lower()
    return values


def _named_role(values: dict[str, str]) -> Role | None:
    if values.get("data-signatureblock") == "true":
        return Role.SIGNATURE
    for key in ("id", "class", "name", "data-marker", "data-smartmail"):
        for value in values.get(key, "").split():
            role = _role_of_name(value)
            if role:
                return role
    return None


def _role_of_name(value: str) -> Role | None:
    for prefix in _COPY_PREFIXES:
        value = value.removeprefix(prefix)
    role = _NAMES.get(value)
    if role or not value.startswith(("yahoo_", "aolmsg", "reply", "mobile")):
        return role
    return next((role for start, role in _NAME_STARTS if value.startswith(start)), None)
