"""Settings of what is fetched of an account and kept here; the first synchronisation, its pause and its continuation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.models import MailAccount
from webmail.journal import entries
from webmail.store.queries.accounts import get_account_for
from webmail.store.queries.fetching import fetching_state
from webmail.web import flash
from webmail.web.requests import UserRequest, signed_in

MEGABYTE = 1_000_000


class FetchingForm(forms.ModelForm):  # type: ignore[type-arg]
    """What of an IMAP account is kept here, how much may be fetched in a day, and which mailboxes are listed."""

    keep_days = forms.IntegerField(
        label=gettext_lazy("Days"), validators=[MinValueValidator(1), MaxValueValidator(32_767)], required=False
    )
    daily_megabytes = forms.IntegerField(
        label=gettext_lazy("Megabytes a day"),
        help_text=gettext_lazy("Empty: as much as the provider allows. New mail and what you open always come."),
        validators=[MinValueValidator(10), MaxValueValidator(1_000_000)],
        required=False,
    )

    class Meta:
        model = MailAccount
        fields = ["keep_bodies", "keep_days", "lists_shared", "subscribed_only"]
        labels = {
            "keep_bodies": gettext_lazy("Kept here with attachments"),
            "lists_shared": gettext_lazy("Show mailboxes that other people share with me"),
            "subscribed_only": gettext_lazy("Show only mailboxes I have subscribed to"),
        }
        help_texts = {"lists_shared": "", "subscribed_only": ""}

    def __init__(self, data: Any = None, *, instance: MailAccount) -> None:
        limit = instance.daily_byte_limit
        super().__init__(data, instance=instance, initial={"daily_megabytes": limit // MEGABYTE if limit else None})
        self.fields["keep_bodies"].help_text = _("The text of every message is always here, for reading and searching.")

    def clean_keep_days(self) -> int:
        """An empty field leaves what was there."""
        return int(self.cleaned_data["keep_days"] or self.instance.keep_days)

    def save(self, commit: bool = True) -> MailAccount:  # noqa: FBT001, FBT002 - Django's signature
        megabytes = self.cleaned_data["daily_megabytes"]
        self.instance.daily_byte_limit = megabytes * MEGABYTE if megabytes else None
        account: MailAccount = super().save(commit)
        return account


@require_http_methods(["GET", "POST"])
@signed_in
def fetching(request: UserRequest, account_id: str) -> HttpResponse:
    """What is here of an account, and what shall be; posted: the latter."""
    account = get_account_for(request.user, account_id)
    form = None
    if not account.is_pop3:
        form = FetchingForm(request.POST if request.method == "POST" else None, instance=account)
        if request.method == "POST" and form.is_valid():
            form.save()
            services.request_sync(account)
            flash.add(request, flash.Toast(_("Saved.")))
            return redirect("account_fetching", account.public_id)
    context = {
        "current": "settings",
        "section": "accounts",
        "account": account,
        "form": form,
        "state": fetching_state(account),
        "acts": entries.troubled_actions(account.pk),
    }
    return render(request, "settings/fetching.html", context, status=422 if form is not None and form.errors else 200)


@require_POST
@signed_in
def fetching_act(request: UserRequest, account_id: str) -> HttpResponse:
    """Posted `act`: pause or continue, of everything older that is still to be fetched."""
    account = get_account_for(request.user, account_id)
    if request.POST.get("act") == "pause":
        services.pause_first_sync(account)
        flash.add(request, flash.Toast(_("Older mail waits. New mail still comes in.")))
    elif request.POST.get("act") == "continue":
        services.continue_first_sync(account)
        flash.add(request, flash.Toast(_("Fetching older mail goes on.")))
    return redirect("account_fetching", account.public_id)
