"""The ASGI application that uvicorn serves."""

from __future__ import annotations

import os
import threading

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webmail.settings")
django.setup(set_prefix=False)

from webmail.answering import Handler  # noqa: E402 - the settings are there only now

application = Handler()

from webmail.mime.limited.children import warm_up  # noqa: E402 - after the heaviest imports
from webmail.workers.heartbeat import Heartbeat  # noqa: E402 - models exist only now

Heartbeat("web").start()
# The first message that is opened should not wait for the process that reads it.
threading.Thread(target=warm_up, daemon=True).start()
