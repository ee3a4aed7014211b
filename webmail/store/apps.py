"""Django application: the local copy of people's mail."""

from __future__ import annotations

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "webmail.store"
    label = "store"

    def ready(self) -> None:
        from webmail.store import listeners

        listeners.connect()
