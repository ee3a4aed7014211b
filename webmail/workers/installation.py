"""What `manage.py up` makes ready before anything starts: VAR_DIR, keys, database, static files. Safe to repeat."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from webmail.settings.environment import KEY_BYTES, read_environment_file

DIRECTORIES = ("run", "logs", "blobs", "static")
STATIC_STAMP = ".collected-from"


def make_directories(var_dir: Path) -> None:
    """VAR_DIR and what lies in it, for this system user only."""
    for directory in (var_dir, *(var_dir / name for name in DIRECTORIES)):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_keys(var_dir: Path, *, has_secret_key: bool, has_credential_keys: bool) -> bool:
    """Write the keys that are not given into VAR_DIR/environment, readable for this user only. Whether there were any.

    Losing the file means that every stored password has to be entered again: it belongs into the backup.
    """
    path = var_dir / "environment"
    known = read_environment_file(path)
    lines = []
    if not has_secret_key and not known.get("SECRET_KEY"):
        lines.append(f"SECRET_KEY={secrets.token_urlsafe(48)}")
    if not has_credential_keys and not known.get("CREDENTIAL_KEYS"):
        key = base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")
        lines.append(f"CREDENTIAL_KEYS=k1:{key}")
    if not lines:
        return False
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return True


def migrate() -> bool:
    """Bring the database up to date; whether there was anything to do."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def collect_static() -> bool:
    """Collect and compress static files when any of their sources has changed; whether it had."""
    root = Path(settings.STATIC_ROOT)
    stamp, fingerprint = root / STATIC_STAMP, _static_fingerprint()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint)
    return True


def _static_fingerprint() -> str:
    """A hash over name, size and time of every source file."""
    files = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            files.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()
