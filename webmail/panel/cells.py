"""Small pieces of HTML for lists and detail pages. Everything is escaped here or by the template: values come from strangers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

EMPTY = "–"
SHORT_CHARS = 80


def label(text: Any, variant: str = "", *, title: Any = "") -> SafeString:
    """A coloured word. `variant`: danger, warning, success, info, or empty for grey; `title` says more."""
    context = {"text": text, "variant": variant, "label_title": title}
    return render_to_string("unfold/helpers/label.html", context)


def moment(at: datetime | None) -> SafeString:
    """How long ago or ahead, with the exact time as a title."""
    if at is None:
        return format_html("{}", EMPTY)
    exact = timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z")
    return format_html(
        '<time datetime="{}" title="{}" class="whitespace-nowrap">{}</time>', at.isoformat(), exact, naturaltime(at)
    )


def exact(at: datetime) -> str:
    """The time to the second, for timelines."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def short(text: str) -> SafeString:
    """The beginning of a long text, the whole as a title."""
    if not text:
        return format_html("{}", EMPTY)
    beginning = Truncator(text).chars(SHORT_CHARS)
    return format_html('<span title="{}" class="block min-w-52">{}</span>', text, beginning)


def link(row: Model | None) -> SafeString:
    """The row's name, leading to its page."""
    if row is None:
        return format_html("{}", EMPTY)
    return format_html('<a href="{}" class="text-link">{}</a>', page_of(row), row)


def page_of(row: Model) -> str:
    """The address of the row's page in the panel."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_of(model: type[Model], query: str = "") -> str:
    """The address of the model's list; `query` as in an address: "state__exact=failing"."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{query}" if query else address
