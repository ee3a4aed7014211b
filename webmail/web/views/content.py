"""The body of a message as a document of its own, and where its warned links lead. Reached by a key, without a session."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from webmail.mime.hits import mark_in_html
from webmail.mime.hosts import display_host
from webmail.mime.links import host_of
from webmail.mime.safe_html.document import PLAIN_TEXT_CSS, Scheme, document_headers, message_document
from webmail.web.reading.bodies import ContentUnreadable, read_form
from webmail.web.reading.content_links import Opened, app_origin, content_origin
from webmail.web.reading.inert import plain
from webmail.web.reading.readers import for_reader
from webmail.web.reading.wishes import AUTO, DARK, LIGHT
from webmail.web.searching.marks import read_hits

# In a frame the page around it gives the air; what the mail itself says of its edges still counts.
FRAMED_CSS = ".pb-body:not(:has(> .pb-mail)) { padding: 0; } :where(.pb-mail) { margin: 0; }"
# What is quoted at the end is opened there by a control of the page, which knows how high the frame is.
FOLDED_CSS = ".pb-body details.pb-quoted { display: none; }"
# As `.pb-hit` of the pages.
HITS_CSS = (
    ".pb-body mark.pb-hit { background-color: light-dark(#ffe08a, #6b5200); color: light-dark(#1a1d23, #fff4cc);"
    " border-radius: 2px; }"
)
UNFOLDED_CSS = """
@supports selector(details::details-content) {
  .pb-body details.pb-quoted > summary { display: none; }
  .pb-body details.pb-quoted::details-content { content-visibility: visible; display: block; block-size: auto; }
}
"""


@require_safe
@for_reader
def body(request: HttpRequest, opened: Opened) -> HttpResponse:
    """The HTML body, inert wherever it is opened (security R2)."""
    try:
        form = read_form(opened.user, opened.email, shows_remote=opened.once, nested=opened.nested)
    except ContentUnreadable as error:
        return plain(str(error), status=404)
    if not form.html:
        raise Http404("this message has no HTML")
    measures = "measure" in request.GET
    document = message_document(
        mark_in_html(form.html, read_hits(request.GET.get("hits", ""))),
        title=form.head.subject,
        css=f"{PLAIN_TEXT_CSS}{form.css}",
        scheme=_scheme(request.GET.get("scheme", "")),
        own_css=_own_css(request.GET),
        measures=measures,
    )
    response = HttpResponse(document)
    below = f"{content_origin(request)}{request.path.removesuffix('body')}"
    headers = document_headers(image_sources=[below, "data:"], frame_ancestors=[app_origin(request)], measures=measures)
    for name, value in headers.items():
        response.headers[name] = value
    # The policy says who may frame it; the older header knows no second host.
    exempt: HttpResponse = xframe_options_exempt(lambda _request: response)(request)
    return exempt


def _own_css(query: Mapping[str, str]) -> str:
    marks = HITS_CSS if query.get("hits") else ""
    if "fold" in query:
        return FRAMED_CSS + FOLDED_CSS + marks
    return FRAMED_CSS + UNFOLDED_CSS + marks if "quoted" in query else marks


def _scheme(asked: str) -> Scheme:
    return LIGHT if asked == LIGHT else DARK if asked == DARK else AUTO


@require_safe
@for_reader
def link(request: HttpRequest, opened: Opened, number: str) -> HttpResponse:
    """Before a link that says one thing and leads to another: both, and a choice."""
    try:
        form = read_form(opened.user, opened.email, shows_remote=opened.once, nested=opened.nested)
    except ContentUnreadable as error:
        return plain(str(error), status=404)
    if int(number) >= len(form.links):
        raise Http404("no such link")
    warned = form.links[int(number)]
    real = display_host(host_of(warned.url)) or warned.url
    return render(request, "mail/link.html", {"warned": warned, "real": real, "why": _why(warned.reason)})


def _why(reason: str) -> str:
    return {
        "mixed-scripts": _("Its address mixes letters of several alphabets, so that it looks like another one."),
        "look-alike": _("Its address looks like a well-known one, but is another."),
        "userinfo": _("What stands at the beginning of its address is a user name, not the place it leads to."),
        "numeric-host": _("Its address is a number instead of a name, which honest senders hardly use."),
    }.get(reason, _("Its text names one place, and it leads to another."))
