"""Settings of an account: its servers and identities; and app passwords."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services, tokens
from accounts.forms import AccountForm, IdentityForm, ServersForm, TokenForm
from accounts.models import AccountState, ApiCredential, ConnectionTest, Identity, MailAccount
from accounts.views.connecting import signed_in_user, start_test

CURRENT = "settings"


@require_http_methods(["GET", "POST"])
@login_required
def account(request: HttpRequest, account_id: str) -> HttpResponse:
    """One account: name and colour (posted), its servers in short, its identities, its state."""
    found = _account(request, account_id)
    form = AccountForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account_settings", found.public_id)
    context = {
        "current": CURRENT,
        "section": "accounts",
        "account": MailAccount.objects.get(pk=found.pk),
        "form": form,
        "identities": list(found.identities.all()),
        "is_paused": found.state == AccountState.PAUSED,
    }
    return render(request, "settings/account.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def account_act(request: HttpRequest, account_id: str) -> HttpResponse:
    """Posted: `act`: pause, resume or sync."""
    found = _account(request, account_id)
    act = request.POST.get("act")
    if act == "pause":
        services.pause_account(found)
        messages.success(
            request, _("%(name)s is paused. Nothing is fetched or sent until you resume it.") % {"name": found.name}
        )
    elif act == "resume":
        services.resume_account(found)
        messages.success(request, _("%(name)s is running again.") % {"name": found.name})
    elif act == "sync":
        services.request_sync(found)
        messages.success(request, _("Checking %(name)s for new mail.") % {"name": found.name})
    return redirect("account_settings", found.public_id)


@sensitive_post_parameters("password", "outgoing_password")
@require_http_methods(["GET", "POST"])
@login_required
def account_servers(request: HttpRequest, account_id: str) -> HttpResponse:
    """Servers and password. Posted: they are tested, and stored when they work."""
    user, found = signed_in_user(request), _account(request, account_id)
    data = None
    if request.method == "POST":
        data = request.POST.copy()
        data["address"] = found.address
    earlier = ConnectionTest.objects.filter(user=user, account=found, public_id=request.GET.get("from", "")).first()
    initial = earlier.settings if earlier is not None else vars(services.settings_of(found))
    form = ServersForm(data, initial=initial, need_password=False)
    if data is not None and form.is_valid():
        test = start_test(form, purpose=ConnectionTest.Purpose.VERIFY, user=user, account=found)
        if test is not None:
            return redirect("connect_wait", test.public_id)
    context = {"current": CURRENT, "section": "accounts", "account": found, "form": form}
    return render(request, "settings/servers.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def identity_new(request: HttpRequest, account_id: str) -> HttpResponse:
    """A further address to write from."""
    found = _account(request, account_id)
    return _edit_identity(request, Identity(account=found, name=signed_in_user(request).name))


@require_http_methods(["GET", "POST"])
@login_required
def identity(request: HttpRequest, identity_id: str) -> HttpResponse:
    """One identity with its signature."""
    return _edit_identity(request, _identity(request, identity_id))


@require_POST
@login_required
def identity_delete(request: HttpRequest, identity_id: str) -> HttpResponse:
    """Deletes an identity; the last one of an account stays."""
    found = _identity(request, identity_id)
    account_id = found.account.public_id
    try:
        services.delete_identity(found)
    except ValueError:
        messages.error(request, _("An account keeps at least one identity: mail is sent with it."))
    else:
        messages.success(request, _("Identity deleted."))
    return redirect("account_settings", account_id)


@require_http_methods(["GET", "POST"])
@login_required
def app_passwords(request: HttpRequest) -> HttpResponse:
    """The user's app passwords; posted: a new one, whose secret is shown in the answer and never again."""
    user = signed_in_user(request)
    form = TokenForm(
        request.POST if request.method == "POST" else None, is_staff=user.is_staff, initial={"scopes": ["mail"]}
    )
    made = None
    if request.method == "POST" and form.is_valid():
        made = tokens.create_token(
            user,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            ip_address=request.META.get("REMOTE_ADDR"),
        )
        form = TokenForm(is_staff=user.is_staff, initial={"scopes": ["mail"]})
    context = {
        "current": CURRENT,
        "section": "passwords",
        "form": form,
        "made": made,
        "tokens": list(tokens.tokens_of(user)),
        "scope_words": tokens.SCOPES,
    }
    return render(request, "settings/app_passwords.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def app_password_revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Ends an app password at once."""
    credential = get_object_or_404(ApiCredential, pk=token_id, user=signed_in_user(request))
    tokens.revoke_token(credential, ip_address=request.META.get("REMOTE_ADDR"))
    messages.success(request, _("%(name)s is revoked: it opens nothing any more.") % {"name": credential.name})
    return redirect("settings_passwords")


def _account(request: HttpRequest, account_id: str) -> MailAccount:
    return get_object_or_404(MailAccount, user=signed_in_user(request), public_id=account_id)


def _identity(request: HttpRequest, identity_id: str) -> Identity:
    rows = Identity.objects.select_related("account")
    return get_object_or_404(rows, account__user=signed_in_user(request), public_id=identity_id)


def _edit_identity(request: HttpRequest, found: Identity) -> HttpResponse:
    is_new = found._state.adding
    is_only = not is_new and not found.account.identities.exclude(pk=found.pk).exists()
    was_default = found.is_default
    form = IdentityForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        edited = form.save(commit=False)
        edited.is_default = edited.is_default or was_default or is_only  # another one takes the mark, nobody drops it
        services.save_identity(edited)
        messages.success(request, _("Identity saved."))
        return redirect("account_settings", found.account.public_id)
    context = {
        "current": CURRENT,
        "section": "accounts",
        "account": found.account,
        "identity": found,
        "is_new": is_new,
        "is_only": is_only,
        "was_default": was_default,
        "form": form,
    }
    return render(request, "settings/identity.html", context, status=422 if form.errors else 200)
