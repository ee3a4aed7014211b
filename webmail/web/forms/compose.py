"""The form of a message being written. Half finished addresses are saved as they are; sending checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Identity, User
from webmail.mime.addresses import format_address, is_valid_email, parse_addresses
from webmail.outbox.models import Draft
from webmail.outbox.writing.drafts import DraftFields

MAX_ADDRESSES_CHARS = 40_000
MAX_SUBJECT_CHARS = 998  # RFC 5322 2.1.1: no line is longer
MAX_TEXT_CHARS = 1_000_000
RECIPIENT_FIELDS = ("to", "cc", "bcc")


def sender_choices(user: User) -> list[Identity]:
    """Every address the user may write from, by account."""
    found = Identity.objects.filter(account__user=user).select_related("account")
    return list(found.order_by("account__position", "account_id", "-is_default", "id"))


class ComposeForm(forms.Form):
    """What is posted by the page: the fields of the draft and the revision they are based on."""

    identity = forms.ChoiceField(label=gettext_lazy("From"))
    to = forms.CharField(label=gettext_lazy("To"), required=False, max_length=MAX_ADDRESSES_CHARS, strip=True)
    cc = forms.CharField(label=gettext_lazy("Cc"), required=False, max_length=MAX_ADDRESSES_CHARS)
    bcc = forms.CharField(label=gettext_lazy("Bcc"), required=False, max_length=MAX_ADDRESSES_CHARS)
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=MAX_SUBJECT_CHARS)
    text = forms.CharField(
        label=gettext_lazy("Message"), required=False, max_length=MAX_TEXT_CHARS, strip=False, widget=forms.Textarea
    )
    wants_receipt = forms.BooleanField(label=gettext_lazy("Ask for a read receipt"), required=False)
    wants_delivery_report = forms.BooleanField(label=gettext_lazy("Ask for a delivery report"), required=False)
    requires_tls = forms.BooleanField(label=gettext_lazy("Only over encrypted connections"), required=False)
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    key = forms.CharField(widget=forms.HiddenInput, max_length=100, required=False)

    def __init__(self, data: Mapping[str, Any] | None = None, *, senders: list[Identity], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.senders = {sender.public_id: sender for sender in senders}
        self.fields["identity"].choices = [  # type: ignore[attr-defined]
            (sender.public_id, str(sender)) for sender in senders
        ]

    def clean_subject(self) -> str:
        """A header is one line."""
        return " ".join(self.cleaned_data["subject"].split())

    @property
    def sender(self) -> Identity:
        """The chosen From address; the form must be valid."""
        return self.senders[self.cleaned_data["identity"]]

    def draft_fields(self) -> DraftFields:
        """What is saved. Browsers send line ends as CRLF; drafts hold LF."""
        values = self.cleaned_data
        return DraftFields(
            identity=self.sender,
            to=values["to"],
            cc=values["cc"],
            bcc=values["bcc"],
            subject=values["subject"],
            text=values["text"].replace("\r\n", "\n"),
            wants_receipt=values["wants_receipt"],
            wants_delivery_report=values["wants_delivery_report"],
            requires_tls=values["requires_tls"],
        )

    def check_recipients(self) -> bool:
        """Put an error next to each field that names every address one cannot send to; False when there is any."""
        typed = {name: self.cleaned_data.get(name, "") for name in RECIPIENT_FIELDS}  # an error takes the value away
        for name, value in typed.items():
            bad = bad_addresses(value)
            if bad:
                quoted = ", ".join(f"“{address}”" for address in bad)
                self.add_error(
                    name, _("Not a complete e-mail address: %(bad)s. Correct or remove it.") % {"bad": quoted}
                )
        if not any(map(parse_addresses, typed.values())):
            self.add_error("to", _("Nobody to send to yet. Add at least one address."))
        return not self.errors


def bad_addresses(typed: str) -> list[str]:
    """Those of a list of addresses, as typed, that are not complete."""
    return [
        format_address(address).removesuffix(" <>")
        for address in parse_addresses(typed)
        if not is_valid_email(address.email)
    ]


def initial_of(draft: Draft, *, key: str) -> dict[str, Any]:
    """A draft's fields for the unbound form."""
    return {
        "identity": draft.identity.public_id if draft.identity else "",
        "to": draft.to,
        "cc": draft.cc,
        "bcc": draft.bcc,
        "subject": draft.subject,
        "text": draft.text,
        "wants_receipt": draft.wants_receipt,
        "wants_delivery_report": draft.wants_delivery_report,
        "requires_tls": draft.requires_tls,
        "revision": draft.revision,
        "key": key,
    }
