"""From the answer of a server to an error class: the table of RFC 5530 codes and what each asks of us (R51, R83)."""

from __future__ import annotations

from typing import Final

from webmail.protocols.errors import (
    AuthenticationRefused,
    ConnectionLost,
    PermanentlyRefused,
    ProtocolError,
    ServerError,
    TemporarilyRefused,
    clean_server_text,
)

# code -> class. `EXPIRED` is a password or token to renew: only the user can.
ERROR_OF_CODE: Final[dict[str, type[ServerError]]] = {
    "AUTHENTICATIONFAILED": AuthenticationRefused,
    "AUTHORIZATIONFAILED": AuthenticationRefused,
    "EXPIRED": AuthenticationRefused,
    "UNAVAILABLE": TemporarilyRefused,
    "INUSE": TemporarilyRefused,
    "LIMIT": TemporarilyRefused,
    "SERVERBUG": TemporarilyRefused,
    "EXPUNGEISSUED": TemporarilyRefused,
    "THROTTLED": TemporarilyRefused,  # Gmail and Yahoo; not registered
    "PRIVACYREQUIRED": PermanentlyRefused,
    "CONTACTADMIN": PermanentlyRefused,
    "NOPERM": PermanentlyRefused,
    "OVERQUOTA": PermanentlyRefused,
    "TRYCREATE": PermanentlyRefused,
    "ALREADYEXISTS": PermanentlyRefused,
    "NONEXISTENT": PermanentlyRefused,
    "CANNOT": PermanentlyRefused,
    "CLIENTBUG": PermanentlyRefused,
    "CORRUPTION": PermanentlyRefused,
    "HASCHILDREN": PermanentlyRefused,
    "TOOBIG": PermanentlyRefused,
    "BADCHARSET": PermanentlyRefused,
    "UNKNOWN-CTE": PermanentlyRefused,
    "READ-ONLY": PermanentlyRefused,
}
# Servers without codes say it in words: Gmail "Too many simultaneous connections", Dovecot 2.2
# "Maximum number of connections ... exceeded", Courier "Temporary problem, please try again later" (sync Y81).
_TEMPORARY_WORDS = (
    "too many",
    "simultaneous",
    "number of connections",
    "try again",
    "temporar",
    "rate limit",
    "not available",
)


def split_code(text: bytes) -> tuple[str, bytes, bytes]:
    """`[CODE args] human` -> (code in upper case or "", args, human text)."""
    text = text.strip()
    if not text.startswith(b"["):
        return "", b"", text
    end = text.find(b"]")
    if end < 0:
        return "", b"", text
    code, _, args = text[1:end].partition(b" ")
    if code.upper() == b"PERMANENTFLAGS" or code.upper() == b"BADCHARSET":
        # A flag may hold "]": the code ends at ")]".
        closing = text.find(b")]")
        if closing > 0:
            end = closing + 1
            args = text[1:end].partition(b" ")[2]
    return code.decode("ascii", "replace").upper(), args, text[end + 1 :].strip()


def read_alert(text: bytes) -> str:
    """What people must read (RFC 3501 7.1): the text of an answer with [ALERT], else empty. `text` follows the status."""
    code, _, human = split_code(text)
    return clean_server_text(human) if code == "ALERT" else ""


def refusal(what: str, text: bytes, *, is_login: bool = False) -> ServerError:
    """The error for a NO, BAD or BYE. `what` names the command; `text` is the server's text with its code."""
    code, _, human = split_code(text)
    kind = ERROR_OF_CODE.get(code)
    if kind is None:
        lowered = clean_server_text(human).lower()
        if any(words in lowered for words in _TEMPORARY_WORDS):
            kind = TemporarilyRefused
        else:
            kind = AuthenticationRefused if is_login else PermanentlyRefused
    return kind(f"the server refused {what}", server_text=human, code=code)


def goodbye(text: bytes) -> ProtocolError:
    """The error for a BYE: what its code or words ask of us, else only that the connection is lost."""
    code, _, _ = split_code(text)
    answer = refusal("to go on", text)
    if code or isinstance(answer, TemporarilyRefused):
        return answer
    return ConnectionLost("the server ended the session")
