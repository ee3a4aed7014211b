"""Connecting a mailbox: its address, then its servers with sensible guesses, then a page that waits for the worker's test.

What was typed is kept in the row of the test (without the password, which is sealed and dropped when the test ends), so a
failure leads back to the form as it was filled in.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts import services
from accounts.credentials import CredentialError
from accounts.forms import AddressForm, ServersForm, guess_servers
from accounts.models import ConnectionTest, MailAccount, User
from accounts.views.waiting import answer_wait, is_over, is_slow

Purpose = ConnectionTest.Purpose


@sensitive_post_parameters("password", "outgoing_password")
@require_http_methods(["GET", "POST"])
@login_required
def connect(request: HttpRequest) -> HttpResponse:
    """First the address (GET `address`), then the servers; posted, a test is started."""
    user = signed_in_user(request)
    if request.method == "POST":
        form = ServersForm(request.POST)
        if form.is_valid() and not _is_taken(user, form):
            test = start_test(form, purpose=Purpose.CONNECT, user=user)
            if test is not None:
                return redirect("connect_wait", test.public_id)
        return render(request, "connect/servers.html", _context(form), status=422)
    earlier = ConnectionTest.objects.filter(user=user, public_id=request.GET.get("from", "")).first()
    if earlier is not None:
        return render(request, "connect/servers.html", _context(ServersForm(initial=earlier.settings)))
    address = AddressForm(request.GET if "address" in request.GET else None)
    if not address.is_valid():
        status = 422 if address.is_bound else 200
        return render(request, "connect/address.html", {"form": address, "current": "connect"}, status=status)
    guess = guess_servers(address.cleaned_data["address"])
    initial = {**vars(guess), "display_name": user.name}
    return render(request, "connect/servers.html", _context(ServersForm(initial=initial)))


@require_GET
@login_required
def connect_wait(request: HttpRequest, test_id: str) -> HttpResponse:
    """How far the test is, step by step. Passed, it leads to the mail; failed, back to the form with what was typed."""
    test = ConnectionTest.objects.select_related("account").filter(user=signed_in_user(request), public_id=test_id)
    found = test.exclude(purpose=Purpose.SIGN_IN).first()
    if found is None:
        raise Http404("no such test")
    if found.status == ConnectionTest.Status.PASSED and found.account is not None:
        goal = reverse("home")
        if found.purpose == Purpose.VERIFY:
            goal = reverse("account_settings", args=[found.account.public_id])
        return answer_wait(request, goal=goal)
    context = {
        "test": found,
        "is_over": is_over(found),
        "is_slow": is_slow(found),
        "back": _form_of(found),
        "current": "connect",
    }
    return render(request, "connect/_wait.html" if _is_htmx(request) else "connect/wait.html", context)


def start_test(
    form: ServersForm, *, purpose: str, user: User, account: MailAccount | None = None
) -> ConnectionTest | None:
    """A test of what the form says; None, with the reason in the form, when passwords cannot be stored here."""
    try:
        return services.request_connection_test(
            purpose=purpose,
            settings=form.account_settings(),
            incoming_password=form.cleaned_data["password"],
            outgoing_password=form.cleaned_data["outgoing_password"],
            user=user,
            account=account,
        )
    except CredentialError:
        form.add_error(
            None, _("Passwords cannot be stored here yet. Tell the administrator: CREDENTIAL_KEYS is not set.")
        )
        return None


def signed_in_user(request: HttpRequest) -> User:
    """The person; only behind `login_required`."""
    if not isinstance(request.user, User):
        raise TypeError("this page is for signed-in people")
    return request.user


def _is_taken(user: User, form: ServersForm) -> bool:
    address = form.cleaned_data["address"]
    if not MailAccount.objects.filter(user=user, address__iexact=address).exists():
        return False
    form.add_error("address", _("You have connected this mailbox already. Change it in its settings."))
    return True


def _form_of(test: ConnectionTest) -> str:
    """Where what was typed is shown again."""
    if test.purpose == Purpose.VERIFY and test.account is not None:
        return reverse("account_servers", args=[test.account.public_id]) + f"?from={test.public_id}"
    return reverse("connect") + f"?from={test.public_id}"


def _context(form: ServersForm) -> dict[str, object]:
    return {"form": form, "current": "connect"}


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))
