"""Forms about people and accounts. They check what was typed; what is done with it is the services' business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import services, tokens
from accounts.models import Identity, IncomingProtocol, LeaveOnServer, MailAccount, MailDomain, SecurityChoice, User

PORT = [MinValueValidator(1), MaxValueValidator(65_535)]
_HOST = r"\A[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?\.?\Z"


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
    """How an account is shown."""

    class Meta:
        model = MailAccount
        fields = ["name", "color"]

    is_unified = forms.BooleanField(label=gettext_lazy("Show in the common inbox"), required=False)

    color = forms.TypedChoiceField(
        label=gettext_lazy("Colour"),
        coerce=int,
        choices=list(
            enumerate(
                [
                    gettext_lazy("Blue"),
                    gettext_lazy("Teal"),
                    gettext_lazy("Violet"),
                    gettext_lazy("Rose"),
                    gettext_lazy("Amber"),
                    gettext_lazy("Green"),
                    gettext_lazy("Grey"),
                    gettext_lazy("Sea green"),
                ]
            )
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_unified"] = self.instance.is_unified

    def save(self, commit: bool = True) -> MailAccount:  # noqa: FBT001, FBT002 - Django's signature
        kept = [view for view in self.instance.left_out_of if view != "inbox"]
        self.instance.left_out_of = kept if self.cleaned_data["is_unified"] else ["inbox", *kept]
        saved: MailAccount = super().save(commit)
        return saved


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


class AppearanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """How pages look, and in which zone times are shown."""

    class Meta:
        model = User
        fields = ["name", "theme", "density", "has_threads", "timezone"]
        labels = {
            "name": gettext_lazy("Your name"),
            "theme": gettext_lazy("Theme"),
            "density": gettext_lazy("Rows"),
            "has_threads": gettext_lazy("Show messages of one conversation together"),
            "timezone": gettext_lazy("Time zone"),
        }
        widgets = {"theme": forms.RadioSelect, "density": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = [
            ("", _("As the browser says")),
            *((name, name.replace("_", " ")) for name in sorted(available_timezones())),
        ]
        self.fields["timezone"] = forms.ChoiceField(label=_("Time zone"), choices=zones, required=False)


class SendingForm(forms.ModelForm):  # type: ignore[type-arg]
    """How sending behaves for a person: how long it can be taken back, and what happens when somebody wants a receipt."""

    UNDO_S = (0, 5, 10, 20, 30)

    class Meta:
        model = User
        fields = ["undo_send_s", "receipts"]
        labels = {"receipts": gettext_lazy("When somebody asks for a read receipt")}
        widgets = {"receipts": forms.RadioSelect}

    def __init__(self, data: Any = None, *, instance: User) -> None:
        chosen: int = settings.UNDO_SEND_S if instance.undo_send_s is None else instance.undo_send_s
        super().__init__(data, instance=instance, initial={"undo_send_s": chosen})
        choices = [(seconds, _seconds(seconds)) for seconds in sorted({*self.UNDO_S, chosen})]
        self.fields["undo_send_s"] = forms.TypedChoiceField(
            label=_("A message can be taken back for"), choices=choices, coerce=int, widget=forms.RadioSelect
        )


def _seconds(count: int) -> str:
    return ngettext("%(count)s second", "%(count)s seconds", count) % {"count": count} if count else _("not at all")


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
            yield scope, text[:1].upper() + text[1:]


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
