"""Times in the words and the zone of the person who reads them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from accounts.models import User
from webmail.outbox.queue.send_time import UnknownZone, load_zone


def zone_name(user: User) -> str:
    """The zone the user has chosen, else the installation's."""
    if user.timezone:
        try:
            return load_zone(user.timezone).key
        except UnknownZone:
            pass
    return timezone.get_default_timezone_name()


def in_words(moment: datetime, user: User) -> str:
    """Such as "3 March, 14:05 (Europe/Berlin)"."""
    zone = zone_name(user)
    local = moment.astimezone(load_zone(zone))
    return f"{local.day} {local:%B, %H:%M} ({zone})"
