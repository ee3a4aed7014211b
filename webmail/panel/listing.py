"""What all lists and detail pages of the panel have in common: who may, which buttons there are, how acts are reported.

An act is one of Django's list actions, a POST with a CSRF token. Detail pages show the same acts as buttons that post the
one row to its list; Unfold's own buttons there are links, and a link must not change anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from axes.helpers import get_client_ip_address
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import model_ngettext
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

from accounts.models import User
from accounts.services import record_event

_FROM_DETAIL = "_from_detail"


class Listing(ModelAdmin):  # type: ignore[misc]
    """A list with detail pages to look at. Subclasses open what may be added, changed or deleted."""

    change_form_outer_before_template = "admin/detail_actions.html"
    list_per_page = 50
    list_disable_select_all = True  # an act on everything that matches would be too easy a slip
    list_fullwidth = True
    show_full_result_count = False
    paginator: ClassVar[type[Paginator[Any]]] = InfinitePaginator  # no count(*): these tables grow
    actions_on_top = True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without "delete selected": one deletes a row at a time, seeing what goes with it."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def acts_for(self, row: Any) -> Iterable[str]:
        """The names of the acts that make sense for this row now: buttons of its page."""
        return ()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Model | None = None, **kwargs: Any
    ) -> HttpResponse:
        """With the buttons of `acts_for`."""
        context["detail_actions"] = self._buttons(request, obj) if obj is not None else []
        response: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return response

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        response: HttpResponse | None = super().response_action(request, queryset)
        chosen = request.POST.get(ACTION_CHECKBOX_NAME)
        if chosen and _FROM_DETAIL in request.POST and isinstance(response, HttpResponseRedirect):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[chosen]))
        return response

    def _buttons(self, request: HttpRequest, row: Model) -> list[dict[str, Any]]:
        known = self.get_actions(request)
        return [{"name": name, "title": known[name][2]} for name in self.acts_for(row)]


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows that belong to the shown one."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def carry_out(
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any], bool],
    *,
    event: str,
    subject: Callable[[Any], str] = str,
    done: str,
    refused: str,
) -> None:
    """Do `act` to each row; it returns False when that makes no sense for the row (any more). Each success is audited.

    `done` and `refused` end the sentence "1 mail account ...": messages hold our own words, nothing of the rows.
    """
    count = failures = 0
    for row in rows:
        if act(row):
            count += 1
            audit(request, event, subject=subject(row))
        else:
            failures += 1
    if count:
        _tell(request, messages.SUCCESS, rows, count, done)
    if failures:
        _tell(request, messages.WARNING, rows, failures, refused)


def audit(request: HttpRequest, event: str, *, subject: str) -> None:
    """Write down what an administrator did."""
    user = request.user if isinstance(request.user, User) else None
    record_event(event, user=user, subject=subject, ip_address=get_client_ip_address(request))


def _tell(request: HttpRequest, level: int, rows: QuerySet[Any], count: int, words: str) -> None:
    messages.add_message(request, level, f"{count} {model_ngettext(rows, count)} {words}")
