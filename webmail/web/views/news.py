"""What an open page asks beside the stream: what has arrived, and whether its session still stands."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.http import require_safe

from webmail.mime.hidden_characters import neutralise
from webmail.store.queries.accounts import accounts_of
from webmail.store.queries.live import arrived_since, position_of, read_position
from webmail.web.requests import UserRequest
from webmail.web.states.quiet import Note, is_quiet, notes_of

MOST = 100  # "100 new messages" is as many as are counted


@require_safe
def news(request: UserRequest) -> HttpResponse:
    """JSON: `state`, the present position, and `notes` of what has arrived since the position `since`, none in quiet hours.

    403 when nobody is signed in: a script asks, who could not follow a way to the sign-in page.
    """
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    # Read before the mail: what comes in between is told again rather than never.
    position = position_of(request.user.pk)
    since = read_position(request.GET.get("since", ""))
    notes: list[Note] = []
    if since is not None and since.clocks != position.clocks and not is_quiet(request.user):
        emails = arrived_since(accounts_of(request.user), since.clocks, limit=MOST)
        notes = notes_of(request.user, emails, len(emails))
    return JsonResponse({"state": str(position), "notes": [_shown(note) for note in notes]})


@require_safe
def session(request: HttpRequest) -> HttpResponse:
    """JSON: `user`, who is signed in, and `token`, with which this page's forms are good again. 403 for nobody."""
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    return JsonResponse({"user": str(request.user.pk), "token": get_token(request)})


def _shown(note: Note) -> dict[str, object]:
    return {**asdict(note), "title": neutralise(note.title), "text": neutralise(note.text)}
