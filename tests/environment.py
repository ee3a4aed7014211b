"""The environment the tests run in: made before Django reads it, private to this process, never the developer's own.

Every variable of `webmail/settings/environment.py` is set or removed here, so that a DATABASE_URL in somebody's shell can
never become the database a test empties. It must import nothing of the product: that would read the settings too early.
"""

import atexit
import base64
import os
import shutil
import sys
import tempfile
from pathlib import Path

import django

from tests.servers.ports import free_port

# A second database pass sets this; nothing else decides where tests write.
DATABASE_OVERRIDE = "PILLARBOX_TEST_DATABASE_URL"
SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"
# tests/architecture compares this with the settings.
SETTING_NAMES = frozenset(
    {
        *("VAR_DIR", "SECRET_KEY", "CREDENTIAL_KEYS", "DATABASE_URL", "REDIS_URL", "BLOB_URL", "PORT", "DEMO", "DEBUG"),
        *("ALLOWED_HOSTS", "BASE_URL", "CONTENT_URL", "ALLOW_NETWORKS", "PICTURE_NETWORKS", "TRUSTED_PROXIES"),
        *("EXTRA_CA_FILE", "LOG_LEVEL", "UNDO_SEND_S", "SEND_MESSAGES_PER_DAY", "SEND_NEW_RECIPIENTS_PER_DAY"),
    }
)
TEST_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def prepare_environment() -> Path:
    """Set every setting for this process; returns its directory, which goes away when the process ends."""
    directory = Path(tempfile.mkdtemp(prefix="pbx-test-")).resolve()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for name in SETTING_NAMES:
        os.environ.pop(name, None)
    os.environ.update(
        SECRET_KEY="for-tests-only-" + "x" * 50,
        CREDENTIAL_KEYS=f"test:{TEST_KEY}",
        DATABASE_URL=os.environ.get(DATABASE_OVERRIDE) or f"sqlite:///{directory}/pillarbox.sqlite3",
        # Nobody listens there until a test asks for `redis_server`: wake-ups are lost at once, which must not matter.
        REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
        BLOB_URL=f"file://{directory}/blobs",
        VAR_DIR=str(directory),
        ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
        BASE_URL="http://testserver",
        CONTENT_URL="",
        ALLOW_NETWORKS="127.0.0.0/8,::1/128",
        PICTURE_NETWORKS="127.0.0.0/8,::1/128",
        DEMO="0",
        DEBUG="0",
        LOG_LEVEL="WARNING",
    )
    return directory


def start_django() -> Path:
    """Prepare the environment and set Django up in it; returns this process's directory.

    Raises `RuntimeError` when somebody has read the settings before: they would point at the developer's own data.
    """
    if "webmail.settings" in sys.modules or SETTINGS_VARIABLE in os.environ:
        raise RuntimeError(f"unset {SETTINGS_VARIABLE}: the tests make their own environment before Django starts")
    directory = prepare_environment()
    os.environ[SETTINGS_VARIABLE] = "webmail.settings"
    django.setup()
    forget_settings_module()
    return directory


def forget_settings_module() -> None:
    """Parallel test processes and programs under test inherit os.environ, but must make an environment of their own."""
    os.environ.pop(SETTINGS_VARIABLE, None)
