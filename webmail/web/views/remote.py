"""Pictures from elsewhere: served by us after a worker has fetched them, and the reader's choice about them.

No view here dials out. A page asks for a row and waits for it without holding a thread.
"""

from __future__ import annotations

from functools import partial

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import SenderRule
from webmail.store import blobs
from webmail.store.errors import BlobDamaged, BlobMissing
from webmail.store.models import Blob
from webmail.store.queries.emails import get_email_for
from webmail.store.reading import pictures
from webmail.web.reading import remote_content
from webmail.web.reading.bodies import ContentUnreadable, read_form
from webmail.web.reading.content_links import open_content
from webmail.web.reading.held import wait_for
from webmail.web.reading.inert import make_inert
from webmail.web.requests import UserRequest, signed_in
from webmail.web.text import with_query

PICTURES = "pictures"  # in the query of an address: the reader has just asked for them
WAIT_S = 12.0  # a worker takes 10 s at most to fetch one
KEPT_S = 7 * 24 * 3600  # by the reader's own browser; the key in the address ends sooner


@require_safe
async def picture(request: HttpRequest, key: str, email_id: str, inner: str, number: str) -> HttpResponse:
    """The n-th picture from elsewhere of a message, for who may see it now. The reader's browser only ever asks us."""
    user_id, url = await sync_to_async(_ask_for)(key, email_id, inner, int(number))
    found = await wait_for(partial(pictures.finished, user_id, pictures.url_hash(url)), seconds=WAIT_S)
    if found is None:
        return _nothing(504)
    if found.blob is None:
        return _nothing(404)
    data = await sync_to_async(_read)(user_id, url, found.blob)
    if not data:
        return _nothing(404)
    response = HttpResponse(data, content_type=found.type)
    response.headers["Cache-Control"] = f"private, max-age={KEPT_S}, immutable"
    response.headers["Content-Disposition"] = "inline"
    return make_inert(response)


def _ask_for(key: str, email_id: str, inner: str, number: int) -> tuple[int, str]:
    """Whose picture it is and where from; all pictures of the message are asked for with the first. Raises Http404."""
    opened = open_content(key, email_id, inner)
    # The key says that its owner has allowed them. Nobody vouches for the sender of a message within the message.
    if not opened.once or opened.nested or remote_content.is_in_junk(opened.email):
        raise Http404("pictures of this message are not shown")
    try:
        remote = read_form(opened.user, opened.email, shows_remote=True).remote
    except ContentUnreadable as error:
        raise Http404("this message cannot be read") from error
    if number >= len(remote) or remote[number].tracker is not None:
        raise Http404("no such picture")
    url = remote[number].url
    if not pictures.is_asked_for(opened.user.pk, url):
        others = [ref.url for ref in remote if ref.tracker is None]
        pictures.want_pictures(opened.user.pk, [url, *others])
    return opened.user.pk, url


def _read(user_id: int, url: str, blob: Blob) -> bytes:
    try:
        return blobs.read_blob(blob)
    except (BlobMissing, BlobDamaged):
        pictures.forget(user_id, pictures.url_hash(url))
        return b""


def _nothing(status: int) -> HttpResponse:
    """Nothing to draw: the browser shows the text that stands for the picture. It may ask again at once."""
    response = HttpResponse(status=status, content_type="text/plain")
    response.headers["Cache-Control"] = "no-store, private"
    return make_inert(response)


@require_POST
@signed_in
def choose(request: UserRequest, email_id: str) -> HttpResponse:
    """Posted: `show`: once, sender or domain; or none, which takes the rules for the sender and the domain away.

    Leads back to the message, or to its content alone for htmx.
    """
    email = get_email_for(request.user, email_id)
    choice = request.POST.get("show", "")
    if choice not in remote_content.CHOICES:
        choice = "none"
    remote_content.set_rule(request.user, SenderRule.Kind.PICTURES, email, choice)
    address = reverse("message_content" if request.htmx else "message", args=[email_id])
    if choice != "none":
        address = with_query(address, {PICTURES: remote_content.grant(request.user, email)})
    response = HttpResponseRedirect(address)
    response.status_code = 303  # the page behind it is asked for by GET
    return response
