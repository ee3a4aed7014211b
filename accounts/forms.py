"""Forms about people and accounts. They check what was typed; what is done with it is the services' business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import services, tokens
from accounts.models import Identity, IncomingProtocol, LeaveOnServer, MailAccount, MailDomain, SecurityChoice

PORT = [MinValueValidator(1), MaxValueValidator(65_535)]
_HOST = r"\A[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?\.?\Z"


# The palette of accounts, labels and mailboxes, by place.
COLORS: Final = (
    (0, gettext_lazy("Blue")),
    (1, gettext_lazy("Teal")),
    (2, gettext_lazy("Violet")),
    (3, gettext_lazy("Rose")),
    (4, gettext_lazy("Amber")),
    (5, gettext_lazy("Green")),
    (6, gettext_lazy("Grey")),
    (7, gettext_lazy("Sea green")),
)


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """allauth's form with our labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Stay signed in on this device")
        self.fields["login"].label = _("E-mail address")
        self.fields["login"].widget.attrs.pop("placeholder", None)
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.fields["password"].help_text = ""


class AddressForm(forms.Form):
    """The first step of connecting a mailbox: whose it is. The servers are guessed from it."""

    address = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)


class ServersForm(forms.Form):
    """The servers of a mailbox and its password. `need_password` False: an empty one leaves the stored one."""

    address = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)
    display_name = forms.CharField(label=gettext_lazy("Your name"), max_length=200, required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"), max_length=1000, strip=False, widget=forms.PasswordInput(render_value=False)
    )
    incoming_protocol = forms.ChoiceField(label=gettext_lazy("Kind"), choices=IncomingProtocol.choices)
    incoming_host = forms.RegexField(_HOST, label=gettext_lazy("Server"), max_length=253)
    incoming_port = forms.IntegerField(label=gettext_lazy("Port"), validators=PORT)
    incoming_security = forms.ChoiceField(label=gettext_lazy("Encryption"), choices=SecurityChoice.choices)
    incoming_username = forms.CharField(label=gettext_lazy("User name"), max_length=254, required=False)
    outgoing_host = forms.RegexField(_HOST, label=gettext_lazy("Server"), max_length=253, required=False)
    outgoing_port = forms.IntegerField(label=gettext_lazy("Port"), validators=PORT, required=False)
    outgoing_security = forms.ChoiceField(label=gettext_lazy("Encryption"), choices=SecurityChoice.choices)
    outgoing_username = forms.CharField(label=gettext_lazy("User name"), max_length=254, required=False)
    outgoing_password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=1000,
        strip=False,
        required=False,
        widget=forms.PasswordInput(render_value=False),
    )
    leave_on_server = forms.ChoiceField(
        label=gettext_lazy("Messages that were fetched"), choices=LeaveOnServer.choices, required=False
    )
    leave_days = forms.IntegerField(
        label=gettext_lazy("Days"), validators=[MinValueValidator(1), MaxValueValidator(3650)], required=False
    )

    def __init__(self, *args: Any, need_password: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = need_password

    def clean(self) -> dict[str, Any]:
        """Ports that follow from the kind and encryption; a name at the server that follows from the address."""
        values = super().clean() or {}
        values["incoming_username"] = values.get("incoming_username") or values.get("address", "")
        if values.get("outgoing_host") and not values.get("outgoing_port"):
            values["outgoing_port"] = services.DEFAULT_PORTS["smtp", values.get("outgoing_security", "tls")]
        values["leave_on_server"] = values.get("leave_on_server") or LeaveOnServer.KEEP
        values["leave_days"] = values.get("leave_days") or 14
        return values

    def account_settings(self) -> services.AccountSettings:
        """What was typed, without the passwords."""
        names = services.AccountSettings.__dataclass_fields__.keys() - {"name"}
        values = {name: self.cleaned_data[name] for name in names}
        return services.AccountSettings(**values)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """How an account is shown, and in which views over all accounts."""

    VIEWS: Final = (
        ("inbox", gettext_lazy("Inbox")),
        ("unread", gettext_lazy("Unread")),
        ("starred", gettext_lazy("Starred")),
        ("drafts", gettext_lazy("Drafts")),
        ("sent", gettext_lazy("Sent")),
        ("all", gettext_lazy("All mail")),
    )

    class Meta:
        model = MailAccount
        fields = ["name", "color"]

    color = forms.TypedChoiceField(label=gettext_lazy("Colour"), coerce=int, choices=COLORS, widget=forms.RadioSelect)
    shown_in = forms.MultipleChoiceField(
        label=gettext_lazy("Part of the views over all accounts"),
        choices=VIEWS,
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left_out = self.instance.left_out_of
        self.initial["shown_in"] = [view for view, _name in self.VIEWS if view not in left_out]

    def save(self, commit: bool = True) -> MailAccount:  # noqa: FBT001, FBT002 - Django's signature
        """Stores only what the form is about: workers write other columns meanwhile."""
        shown = self.cleaned_data["shown_in"]
        known = dict(self.VIEWS)
        kept = [view for view in self.instance.left_out_of if view not in known]
        self.instance.left_out_of = [*kept, *(view for view in known if view not in shown)]
        account: MailAccount = self.instance
        if commit:
            account.save(update_fields=["name", "color", "left_out_of"])
        return account


class IdentityForm(forms.ModelForm):  # type: ignore[type-arg]
    """A From address with its signature."""

    class Meta:
        model = Identity
        fields = ["name", "email", "reply_to", "signature_text", "is_default"]
        labels = {
            "name": gettext_lazy("Name"),
            "reply_to": gettext_lazy("Answers go to"),
            "is_default": gettext_lazy("Use it when I write from this account"),
        }
        widgets = {"signature_text": forms.Textarea(attrs={"rows": 4})}

    def clean_name(self) -> str:
        """A name stands in a header: one line, no control characters."""
        return " ".join(str(self.cleaned_data["name"]).split())


class SentCopyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who files the copy of what was sent with an account."""

    class Meta:
        model = MailAccount
        fields = ["sent_copy"]
        labels = {"sent_copy": gettext_lazy("Who puts the copy into Sent?")}
        widgets = {"sent_copy": forms.RadioSelect}


class OutgoingServerForm(forms.Form):
    """A further server to send with."""

    host = forms.RegexField(_HOST, label=gettext_lazy("Server"), max_length=253)
    port = forms.IntegerField(label=gettext_lazy("Port"), validators=PORT, required=False)
    security = forms.ChoiceField(label=gettext_lazy("Encryption"), choices=SecurityChoice.choices)
    username = forms.CharField(label=gettext_lazy("User name"), max_length=254, required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=1000,
        strip=False,
        required=False,
        widget=forms.PasswordInput(render_value=False),
    )

    def clean(self) -> dict[str, Any]:
        """The port that follows from the encryption."""
        values = super().clean() or {}
        values["port"] = values.get("port") or services.DEFAULT_PORTS["smtp", values.get("security", "tls")]
        return values


class TokenForm(forms.Form):
    """A new app password: what it is for, and what it opens."""

    name = forms.CharField(label=gettext_lazy("What is it for?"), max_length=100)
    scopes = forms.MultipleChoiceField(label=gettext_lazy("It may"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, is_staff: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = list(scope_choices(is_staff=is_staff))  # type: ignore[attr-defined]


def scope_choices(*, is_staff: bool) -> Iterable[tuple[str, str]]:
    """The scopes in words; those of operators only for staff."""
    yield "mail", _("Everything a mail program needs")
    for scope, text in tokens.SCOPES.items():
        if scope != "admin" or is_staff:
            words = _(text)
            yield scope, words[:1].upper() + words[1:]


def guess_servers(address: str) -> services.AccountSettings:
    """What the servers of an address are, as the administrator said, else as most providers name them."""
    host = address.rpartition("@")[2].strip().lower()
    domain = MailDomain.objects.filter(domain=host).first()
    if domain is not None:
        return services.settings_for_domain(domain, address)
    return services.AccountSettings(
        address=address,
        incoming_protocol="imap",
        incoming_host=f"imap.{host}",
        incoming_port=993,
        incoming_security="tls",
        incoming_username=address,
        outgoing_host=f"smtp.{host}",
        outgoing_port=465,
        outgoing_security="tls",
        outgoing_username=address,
    )
