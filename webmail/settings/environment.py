"""The environment, read once: every setting an operator has, typed, with its default and its meaning.

`docs/configuration.md` shows this table; a test keeps the two alike. A file `environment` in VAR_DIR (written by the first
`make run`, lines of KEY=VALUE) counts as if it had been exported; what is really exported wins.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEY_BYTES = 32  # ChaCha20-Poly1305, RFC 8439


class BadSetting(Exception):
    """A setting holds something that cannot be used. The message names it and says what is expected."""


@dataclass(frozen=True)
class Environment:
    """All settings. The field's name in capitals is the variable's name."""

    var_dir: Path  # where the embedded database, blobs, keys, logs and sockets live; default var/ in the checkout
    secret_key: str  # signs cookies and links; any long random text; required outside of `make run`
    credential_keys: Mapping[str, bytes]  # id:base64url of 32 bytes, comma separated; the first one seals, all open
    database_url: str  # sqlite:///path or postgres://user:password@host/name; default an SQLite file in VAR_DIR
    redis_url: str  # redis://… or unix://…; empty: a private server on a socket in VAR_DIR
    blob_url: str  # file:///path or s3://bucket/prefix; default files in VAR_DIR
    allowed_hosts: tuple[str, ...]  # host names the site answers to; default localhost
    base_url: str  # the address people use, such as https://mail.example.org; default http://localhost:PORT
    content_url: str  # a second host name that serves message bodies; empty: the main host, in a sandbox
    allow_networks: tuple[Network, ...]  # private networks that users may connect mailboxes on; default none
    picture_networks: tuple[Network, ...]  # private networks that pictures in mail may come from; default none
    trusted_proxies: int  # how many proxies in front add X-Forwarded-For; default 0: the header is ignored
    extra_ca_file: str  # a PEM file with further authorities for mail servers; empty: the system's only
    port: int  # the port of `manage.py up`; default 8000
    demo: bool  # start the demo mail server and its two mailboxes; default 1 in `make run`, refused in production
    debug: bool  # Django's debug pages; never on a public machine; default 0
    log_level: str  # DEBUG INFO WARNING ERROR; default INFO
    undo_send_s: int  # seconds during which a send can be taken back; 0 to 60; default 10

    send_messages_per_day: int  # messages one person may send in 24 hours, the rest waits; 0: no limit; default 1000
    send_new_recipients_per_day: int  # addresses never written to before, in 24 hours; 0: no limit; default 200

    @property
    def is_production(self) -> bool:
        """Served under https: the cookie and transport rules of a public site hold."""
        return self.base_url.startswith("https://")


def read_environment(exported: Mapping[str, str], *, checkout: Path) -> Environment:
    """Read all settings. Raises `BadSetting` naming the variable when a value cannot be used."""
    var_dir = Path(exported.get("VAR_DIR") or checkout / "var").absolute()
    values = {**read_environment_file(var_dir / "environment"), **exported}

    def text(name: str, default: str = "") -> str:
        return values.get(name, default).strip()

    port = _integer("PORT", text("PORT", "8000"), 1, 65535)
    return Environment(
        var_dir=var_dir,
        secret_key=text("SECRET_KEY"),
        credential_keys=_keys(text("CREDENTIAL_KEYS")),
        database_url=text("DATABASE_URL") or f"sqlite:///{var_dir / 'pillarbox.sqlite3'}",
        redis_url=text("REDIS_URL") or f"unix://{var_dir / 'run' / 'redis.sock'}",
        blob_url=text("BLOB_URL") or f"file://{var_dir / 'blobs'}",
        allowed_hosts=_list(text("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")),
        base_url=text("BASE_URL", f"http://localhost:{port}").rstrip("/"),
        content_url=text("CONTENT_URL").rstrip("/"),
        allow_networks=_networks("ALLOW_NETWORKS", text("ALLOW_NETWORKS")),
        picture_networks=_networks("PICTURE_NETWORKS", text("PICTURE_NETWORKS")),
        trusted_proxies=_integer("TRUSTED_PROXIES", text("TRUSTED_PROXIES", "0"), 0, 10),
        extra_ca_file=text("EXTRA_CA_FILE"),
        port=port,
        demo=_boolean("DEMO", text("DEMO", "0")),
        debug=_boolean("DEBUG", text("DEBUG", "0")),
        log_level=_choice("LOG_LEVEL", text("LOG_LEVEL", "INFO").upper(), ("DEBUG", "INFO", "WARNING", "ERROR")),
        undo_send_s=_integer("UNDO_SEND_S", text("UNDO_SEND_S", "10"), 0, 60),
        send_messages_per_day=_integer("SEND_MESSAGES_PER_DAY", text("SEND_MESSAGES_PER_DAY", "1000"), 0, 10_000_000),
        send_new_recipients_per_day=_integer(
            "SEND_NEW_RECIPIENTS_PER_DAY", text("SEND_NEW_RECIPIENTS_PER_DAY", "200"), 0, 10_000_000
        ),
    )


def read_environment_file(path: Path) -> dict[str, str]:
    """KEY=VALUE lines; empty lines and lines that begin with # are skipped. A missing file is an empty one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _list(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _boolean(name: str, value: str) -> bool:
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"", "0", "false", "no", "off"}:
        return False
    raise BadSetting(f"{name} must be 1 or 0, not {value!r}")


def _integer(name: str, value: str, low: int, high: int) -> int:
    try:
        number = int(value)
    except ValueError:
        raise BadSetting(f"{name} must be a whole number, not {value!r}") from None
    if not low <= number <= high:
        raise BadSetting(f"{name} must be between {low} and {high}, not {number}")
    return number


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadSetting(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _networks(name: str, value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in _list(value))
    except ValueError as error:
        raise BadSetting(f"{name} must be networks such as 10.0.0.0/8: {error}") from None


def _keys(value: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for item in _list(value):
        key_id, colon, encoded = item.partition(":")
        try:
            key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except (binascii.Error, ValueError):
            key = b""
        if not colon or not key_id or len(key) != KEY_BYTES:
            # The value is a secret: the message must not repeat it.
            raise BadSetting("CREDENTIAL_KEYS must be id:key pairs, each key the base64url form of 32 bytes")
        keys[key_id] = key
    return keys
