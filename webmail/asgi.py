"""The ASGI application that uvicorn serves."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webmail.settings")
application = get_asgi_application()

from webmail.workers.heartbeat import Heartbeat  # noqa: E402 - models exist only now

Heartbeat("web").start()
