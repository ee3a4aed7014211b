"""The ASGI application that uvicorn serves."""

from __future__ import annotations

import os
import threading

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webmail.settings")
application = get_asgi_application()

from webmail.mime.limited.children import warm_up  # noqa: E402 - after the heaviest imports
from webmail.workers.heartbeat import Heartbeat  # noqa: E402 - models exist only now

Heartbeat("web").start()
# The first message that is opened should not wait for the process that reads it.
threading.Thread(target=warm_up, daemon=True).start()
