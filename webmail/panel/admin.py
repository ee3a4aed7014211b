"""Loaded by Django's admin at the start: the imports register the pages at `panel_site`."""

from __future__ import annotations

from webmail.panel import mail, mail_accounts, people, processes

__all__ = ["mail", "mail_accounts", "people", "processes"]
