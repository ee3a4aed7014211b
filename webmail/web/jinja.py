"""The Jinja2 environment of our pages: what every template may call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from accounts import sections, services
from webmail.journal import steps
from webmail.mime.hidden_characters import neutralise
from webmail.store.queries.live import oldest_received
from webmail.web import flash, language, shell, text
from webmail.web.keys.for_pages import keymap_script
from webmail.web.reading import defects, file_words, protection, written
from webmail.web.searching.page import SearchPage, search_place
from webmail.web.states import advice, conditions, fetching, moved
from webmail.web.viewers.registry import can_view


def environment(**options: Any) -> Environment:
    """Autoescape is on (Django's default for this engine); an unknown name is an error, not an empty string."""
    options["undefined"] = StrictUndefined
    options["finalize"] = _show
    env = Environment(  # noqa: S701 - Django passes autoescape=True in the options
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"], trim_blocks=True, lstrip_blocks=True, **options
    )
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        gettext=_translate,
        ngettext=_translate_number,
        url=_url,
        static=staticfiles_storage.url,
        icon=icon,
        shell_of=shell.shell_of,
        toasts_of=flash.take,
        jobs_of=steps.jobs_of,
        account_initial=shell.account_initial,
        mailbox_title=shell.mailbox_title,
        can_view=can_view,
        keymap_script=keymap_script,
        step_words=advice.step_words,
        condition_of=conditions.condition_of,
        worst_first=conditions.worst_first,
        first_sync=fetching.progress_of,
        covers_words=fetching.covers_words,
        oldest_received=oldest_received,
        running_sign_in=services.running_sign_in,
        moved_to=moved.moved_to,
        search_place=search_place,
        search_page=lambda request, source: SearchPage(request.user, source),
        settings_sections=sections.sections,
        current_language=language.current_language,
        current_direction=language.current_direction,
    )
    env.filters.update(
        list_date=text.list_date,
        full_date=text.full_date,
        when=text.when,
        iso=text.iso,
        ago=text.ago,
        size=text.size,
        figure=text.figure,
        number=text.number,
        initial=text.initial,
        color_of=text.color_of,
        file_icon=file_words.file_icon,
        split_name=file_words.split_name,
        file_warning=file_words.file_warning,
        short_warning=file_words.short_warning,
        event_title=file_words.event_title,
        event_when=file_words.event_when,
        repeats=file_words.repeats,
        answer_word=file_words.answer_word,
        protection_words=protection.protection_words,
        defect_words=defects.explain_defect,
        is_elsewhere=written.is_elsewhere,
        written_date=written.written_date,
        with_query=text.with_query,
        as_written=escape,
    )
    return env


def _show(value: Any) -> Any:
    """Every text that a template writes: strangers' names and subjects lose what hides or turns text (security R15).

    Markup stays: it is the cleaner's, or ours. What a person has typed and types on goes through `as_written`.
    """
    return neutralise(value) if type(value) is str else value


@pass_context
def _translate(context: Context, message: str, /, **values: Any) -> str:
    """The newstyle gettext of Jinja, with `_show` on what is put into the sentence."""
    return _fill(context, gettext(message), values)


@pass_context
def _translate_number(context: Context, singular: str, plural: str, num: int, /, **values: Any) -> str:
    return _fill(context, ngettext(singular, plural, num), {"num": num, **values})


def _fill(context: Context, sentence: str, values: dict[str, Any]) -> str:
    shown = {name: _show(value) for name, value in values.items()}
    return (Markup(sentence) if context.eval_ctx.autoescape else sentence) % shown  # noqa: S704 - translations are ours


def _url(name: str, *args: Any, **query: Any) -> str:
    """The address of a view, with query parameters that are not None."""
    return text.with_query(reverse(name, args=args), query)


# Icons that point somewhere: mirrored where people read from right to left.
_POINTING = frozenset(
    (
        "arrow-left",
        "chevron-left",
        "chevron-right",
        "forward",
        "log-out",
        "reply",
        "reply-all",
        "send",
        "send-horizontal",
        "undo-2",
    )
)


@lru_cache(maxsize=500)
def icon(name: str, *, label: str = "") -> Markup:
    """A lucide icon from the sprite. With a label it speaks, without it is decoration."""
    href = f"{staticfiles_storage.url('icons.svg')}#{name}"
    style = "icon icon--points" if name in _POINTING else "icon"
    if label:
        return Markup('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>').format(style, label, href)
    return Markup('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>').format(style, href)
