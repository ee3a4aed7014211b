"""The Jinja2 environment of our pages: what every template may call."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from webmail.web import text


def environment(**options: Any) -> Environment:
    """Autoescape is on (Django's default for this engine); an unknown name is an error, not an empty string."""
    env = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], undefined=StrictUndefined, **options)  # noqa: S701
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.trim_blocks = env.lstrip_blocks = True
    env.globals.update(url=_url, static=staticfiles_storage.url, icon=icon)
    env.filters.update(
        list_date=text.list_date,
        full_date=text.full_date,
        ago=text.ago,
        size=text.size,
        figure=text.figure,
    )
    return env


def _url(name: str, *args: Any, **query: Any) -> str:
    """The address of a view, with query parameters that are not None."""
    return text.with_query(reverse(name, args=args), query)


@pass_context
def icon(_context: Context, name: str, *, label: str = "") -> Markup:
    """A lucide icon from the sprite. With a label it speaks, without it is decoration."""
    href = f"{staticfiles_storage.url('icons.svg')}#{name}"
    if label:
        return Markup('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>').format(label, href)
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>').format(href)
