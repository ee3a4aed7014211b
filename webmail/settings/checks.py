"""System checks of the settings: what would make an installation unsafe or useless, said in plain words before it starts.

`manage.py check` shows them; `--deploy` adds advice that a first look does not need. Every command of manage.py runs them first
and stops at an error. docs/configuration.md lists them all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from webmail.settings.environment import Environment

Problems = Iterator[checks.CheckMessage]


def register_checks() -> None:
    """Let Django run the checks of this module."""
    for check in (check_environment, check_panel):
        checks.register(check, "pillarbox")
    checks.register(check_deployment, "pillarbox", deploy=True)


def check_environment(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Everything that holds always."""
    return problems_of(settings.ENVIRONMENT)


def check_deployment(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """What only a public installation should have."""
    return advice_for(settings.ENVIRONMENT)


def problems_of(environment: Environment) -> list[checks.CheckMessage]:
    """All messages about these settings. A pure function but for a look at the directories they name."""
    rules: tuple[Callable[[Environment], Problems], ...] = (_secrets, _hosts, _production, _blobs, _files)
    return [problem for rule in rules for problem in rule(environment)]


def advice_for(environment: Environment) -> list[checks.CheckMessage]:
    """Messages for a public installation."""
    found: list[checks.CheckMessage] = []
    if not environment.content_url:
        found.append(
            checks.Warning(
                "CONTENT_URL is not set, so message bodies come from the same host as the pages.",
                hint="They stay in a sandbox without scripts. A second host name, such as https://mail-content.example.org, "
                "keeps them apart even if a browser has a hole in its sandbox.",
                id="pillarbox.W001",
            )
        )
    elif urlsplit(environment.content_url).hostname == urlsplit(environment.base_url).hostname:
        found.append(
            checks.Error(
                "CONTENT_URL names the same host as BASE_URL, so it keeps nothing apart.",
                hint="Give it a host name of its own, or leave it empty.",
                id="pillarbox.E010",
            )
        )
    if not environment.is_production:
        found.append(
            checks.Warning(
                "BASE_URL does not begin with https://, so cookies are sent in clear.",
                hint="Set BASE_URL to the address people use, such as https://mail.example.org.",
                id="pillarbox.W002",
            )
        )
    return found


def check_panel(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """The admin panel finds its first page."""
    name = str(settings.UNFOLD.get("DASHBOARD_CALLBACK", ""))
    try:
        import_string(name)
    except ImportError:
        hint = "It should be webmail.panel.dashboard.dashboard."
        return [
            checks.Error(f"UNFOLD names a dashboard that does not exist: {name!r}.", hint=hint, id="pillarbox.E009")
        ]
    return []


def _secrets(environment: Environment) -> Problems:
    kind = checks.Error if environment.is_production else checks.Warning
    if not environment.secret_key:
        yield kind(
            "SECRET_KEY is not set, so everybody is signed out at every restart and processes do not trust each other.",
            hint="Set it to any long random text and keep it. `make run` makes one by itself.",
            id="pillarbox.E001" if environment.is_production else "pillarbox.W003",
        )
    elif environment.is_production and len(environment.secret_key) < 32:
        yield checks.Error(
            "SECRET_KEY is shorter than 32 characters, so it could be guessed.",
            hint="Set it to a longer random text. People have to sign in again after that.",
            id="pillarbox.E002",
        )
    if not environment.credential_keys:
        yield kind(
            "CREDENTIAL_KEYS is not set, so passwords of mail accounts cannot be stored and no account can be connected.",
            hint="Set it to id:key, the key being 32 random bytes in base64url. Keep a copy apart from the backups: without "
            "it stored passwords are lost.",
            id="pillarbox.E003" if environment.is_production else "pillarbox.W004",
        )


def _hosts(environment: Environment) -> Problems:
    host = urlsplit(environment.base_url).hostname or ""
    if not host:
        yield checks.Error(
            "BASE_URL is no address.", hint="It should look like https://mail.example.org.", id="pillarbox.E004"
        )
    elif not _answers_to(host, environment.allowed_hosts):
        kind = checks.Error if environment.is_production else checks.Warning
        yield kind(
            f"ALLOWED_HOSTS does not hold {host}, the host of BASE_URL, so every page would be refused.",
            hint=f"Set ALLOWED_HOSTS={host}",
            id="pillarbox.E005" if environment.is_production else "pillarbox.W005",
        )
    if environment.is_production and "*" in environment.allowed_hosts:
        yield checks.Error(
            "ALLOWED_HOSTS holds *, so links in our own mail could be made to lead to another site.",
            hint="Name the hosts of the site.",
            id="pillarbox.E011",
        )


def _production(environment: Environment) -> Problems:
    if not environment.is_production:
        return
    if environment.demo:
        yield checks.Error(
            "DEMO is on, but BASE_URL is a public https address: everybody could sign in with the demo password.",
            hint="Set DEMO=0.",
            id="pillarbox.E006",
        )
    if environment.debug:
        yield checks.Error(
            "DEBUG is on, but BASE_URL is a public https address: error pages would show settings and mail.",
            hint="Set DEBUG=0.",
            id="pillarbox.E007",
        )


def _blobs(environment: Environment) -> Problems:
    parts = urlsplit(environment.blob_url)
    if parts.scheme == "s3" and not parts.netloc:
        yield checks.Error(
            "BLOB_URL names no bucket.", hint="It should look like s3://bucket/prefix.", id="pillarbox.E008"
        )
    elif parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        yield checks.Error(
            "BLOB_URL names no absolute directory.",
            hint="It should look like file:///srv/pillarbox/blobs, with three slashes.",
            id="pillarbox.E008",
        )
    elif parts.scheme == "file":
        yield from _unwritable("BLOB_URL", Path(parts.path))
    elif parts.scheme != "s3":
        yield checks.Error(
            f"BLOB_URL begins with {parts.scheme or 'nothing'}:// and cannot be used.",
            hint="It must begin with file:/// or s3://.",
            id="pillarbox.E008",
        )


def _files(environment: Environment) -> Problems:
    yield from _unwritable("VAR_DIR", environment.var_dir)
    if environment.extra_ca_file and not os.access(environment.extra_ca_file, os.R_OK):
        yield checks.Error(
            "EXTRA_CA_FILE names a file that cannot be read, so no mail server could be reached.",
            hint="Name a readable file with certificates in PEM form, or leave it empty.",
            id="pillarbox.E012",
        )


def _unwritable(name: str, directory: Path) -> Problems:
    """A directory that is not there yet is made when it is needed: then its nearest parent counts."""
    nearest = next((path for path in (directory, *directory.parents) if path.exists()), Path("/"))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield checks.Error(
            f"{name} is {directory}, where this process may not write.",
            hint="Give the directory to the user that runs Pillarbox, or name another one.",
            id="pillarbox.E013",
        )


def _answers_to(host: str, allowed: tuple[str, ...]) -> bool:
    names = {name.strip("[]").lower() for name in allowed}
    return "*" in names or host in names or any(name.startswith(".") and host.endswith(name) for name in names)
