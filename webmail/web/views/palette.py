"""What the command palette finds besides commands, as JSON: asked for when it is opened, and answered from the browser's cache."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from webmail.web.keys.places import places_of, places_tag
from webmail.web.requests import UserRequest, signed_in
from webmail.web.shell import shell_of


@require_GET
@signed_in
def palette(request: UserRequest) -> HttpResponse:
    """`{"places": [{kind, name, address, note?, search?}]}`. 304 while nothing of it has changed."""
    tag = f'"{places_tag(request.user)}"'
    response: HttpResponse
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        response = JsonResponse({"places": [place.as_data() for place in places_of(request.user, shell_of(request))]})
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response
