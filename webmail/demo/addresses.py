"""The demo's fixed names. The passwords are published constants: that is why every demo server is loopback only."""

from __future__ import annotations

DEMO_DOMAIN = "pillarbox.test"
MTA_NAME = "mail.pillarbox.test"

OWNER_NAME = "Robin Hale"

IMAP_USER = "demo.imap@pillarbox.test"
IMAP_PASSWORD = "letterbox-imap"

POP3_USER = "demo.pop3@pillarbox.test"
POP3_PASSWORD = "letterbox-pop3"

# Receives whatever is written to an address outside of the demo; anyone may look into it over IMAP.
OUTSIDE_USER = "outside.world@pillarbox.test"
OUTSIDE_PASSWORD = "letterbox-outside"
