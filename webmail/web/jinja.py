"""The Jinja2 environment of our pages: what every template may call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from webmail.web import flash, shell, text


def environment(**options: Any) -> Environment:
    """Autoescape is on (Django's default for this engine); an unknown name is an error, not an empty string."""
    options["undefined"] = StrictUndefined
    env = Environment(  # noqa: S701 - Django passes autoescape=True in the options
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"], trim_blocks=True, lstrip_blocks=True, **options
    )
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        url=_url,
        static=staticfiles_storage.url,
        icon=icon,
        shell_of=shell.shell_of,
        toasts_of=flash.take,
        account_initial=shell.account_initial,
        mailbox_title=shell.mailbox_title,
    )
    env.filters.update(
        list_date=text.list_date,
        full_date=text.full_date,
        when=text.when,
        iso=text.iso,
        ago=text.ago,
        size=text.size,
        figure=text.figure,
        initial=text.initial,
        color_of=text.color_of,
    )
    return env


def _url(name: str, *args: Any, **query: Any) -> str:
    """The address of a view, with query parameters that are not None."""
    return text.with_query(reverse(name, args=args), query)


@lru_cache(maxsize=500)
def icon(name: str, *, label: str = "") -> Markup:
    """A lucide icon from the sprite. With a label it speaks, without it is decoration."""
    href = f"{staticfiles_storage.url('icons.svg')}#{name}"
    if label:
        return Markup('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>').format(label, href)
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>').format(href)
