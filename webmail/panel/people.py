"""Users, mail domains and the audit log. A password is set, never shown; nobody can shut themselves out."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from accounts.models import AuditEvent, MailAccount, MailDomain, User
from webmail.panel import cells
from webmail.panel.listing import Listing, audit, carry_out
from webmail.panel.site import panel_site

# RFC 1123 2.1: letters, digits and hyphens between dots; an address in digits passes too.
HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class _CleanAddress(forms.ModelForm):  # type: ignore[type-arg]
    """Addresses in lower case, unique whatever the spelling."""

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if User.objects.filter(email=email).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("There is a user with this address already."))
        return email


class NewUserForm(_CleanAddress, UserCreationForm):  # type: ignore[misc]
    """A new user, with a password or without one (they then sign in through their mailbox)."""

    class Meta:
        model = User
        fields = ("email", "name", "is_staff")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["usable_password"].help_text = _("Disabled: they sign in through a mailbox of a mail domain.")


class UserForm(_CleanAddress):
    """What an administrator may change of a person. The password has its own form."""

    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "daily_messages", "daily_new_recipients")


@admin.register(User, site=panel_site)
class UserPages(UserAdmin, Listing):  # type: ignore[misc, type-arg]
    """Create, suspend and delete users."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    change_user_password_template = None
    list_display = ("email", "name", "condition", "role", "account_count", "last_login_at", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    paginator: ClassVar[type[Paginator[Any]]] = Paginator
    readonly_fields = ("accounts_link", "password_link", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "accounts_link")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "password_link", "last_login", "date_joined")}),
        (
            _("Sending in 24 hours"),
            {
                "fields": ("daily_messages", "daily_new_recipients"),
                "description": _("Empty: as the installation says. 0: no limit. What is above it waits."),
            },
        ),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "is_staff", "usable_password", "password1", "password2")}),)
    actions = ("suspend", "readmit")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        own = MailAccount.objects.filter(user=OuterRef("pk")).order_by().values("user")
        count = Subquery(own.annotate(count=Count("pk")).values("count"), output_field=IntegerField())
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(account_count=Coalesce(count, Value(0)))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not oneself, and nobody with mail: their accounts are removed first."""
        if not self.has_view_permission(request) or obj is None:
            return False
        return obj != request.user and not MailAccount.objects.filter(user=obj).exists()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Administrators cannot take their own rights away: somebody must be left who can give them back."""
        if obj is not None and obj == request.user:
            return (*self.readonly_fields, "is_active", "is_staff")
        return tuple(self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        audit(request, "user.changed" if change else "user.created", subject=obj.email)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        audit(request, "user.deleted", subject=obj.email)
        super().delete_model(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002 - Django's
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = self.get_object(request, id)
            audit(request, "user.password_set", subject=user.email if user is not None else "")
        return response

    def acts_for(self, row: User) -> tuple[str, ...]:
        return ("suspend",) if row.is_active else ("readmit",)

    @admin.action(description=_("Suspend"))
    def suspend(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """They cannot sign in any more, and open sessions end; their mail stays."""

        def act(user: User) -> bool:
            if user == request.user:
                return False
            return bool(User.objects.filter(pk=user.pk, is_active=True).update(is_active=False))

        carry_out(request, rows, act, event="user.suspended", done="suspended.", refused="left alone.")

    @admin.action(description=_("Let in again"))
    def readmit(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """Undo a suspension."""

        def act(user: User) -> bool:
            return bool(User.objects.filter(pk=user.pk, is_active=False).update(is_active=True))

        carry_out(request, rows, act, event="user.readmitted", done="let in again.", refused="were not suspended.")

    @admin.display(description=_("condition"), ordering="is_active")
    def condition(self, user: User) -> SafeString:
        return cells.label(_("active"), "success") if user.is_active else cells.label(_("suspended"), "warning")

    @admin.display(description=_("role"), ordering="is_staff")
    def role(self, user: User) -> SafeString:
        return cells.label(_("administrator"), "info") if user.is_staff else cells.label(_("user"))

    @admin.display(description=_("accounts"), ordering="account_count")
    def account_count(self, user: Any) -> int:
        return int(user.account_count)

    @admin.display(description=_("last sign-in"), ordering="last_login")
    def last_login_at(self, user: User) -> SafeString:
        return cells.moment(user.last_login)

    @admin.display(description=_("mail accounts"))
    def accounts_link(self, user: Any) -> SafeString:
        if not user.account_count:
            return format_html("{}", cells.EMPTY)
        address = cells.list_of(MailAccount, f"user__id__exact={user.pk}")
        return format_html('<a href="{}" class="text-link">{}</a>', address, user.account_count)

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> SafeString:
        state = _("set") if user.has_usable_password() else _("none: signs in through a mailbox")
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('{} · <a href="{}" class="text-link">{}</a>', state, address, _("set a new one"))


class MailDomainForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refuses what could never be connected to."""

    class Meta:
        model = MailDomain
        fields = "__all__"  # noqa: DJ007 - all are for the operator
        help_texts: ClassVar = {
            "username_format": _("May hold {address}, {local} and {domain}."),
            "outgoing_host": _("Empty: mailboxes of this domain cannot send."),
        }

    def clean_domain(self) -> str:
        return _clean_host(self.cleaned_data["domain"])

    def clean_incoming_host(self) -> str:
        return _clean_host(self.cleaned_data["incoming_host"])

    def clean_outgoing_host(self) -> str:
        host = self.cleaned_data["outgoing_host"]
        return _clean_host(host) if host else ""

    def clean_incoming_port(self) -> int:
        return _clean_port(self.cleaned_data["incoming_port"])

    def clean_outgoing_port(self) -> int | None:
        port = self.cleaned_data["outgoing_port"]
        return None if port is None else _clean_port(port)

    def clean_username_format(self) -> str:
        text = str(self.cleaned_data["username_format"])
        names = PLACEHOLDER.findall(text)
        if not set(names) <= {"address", "local", "domain"} or set("{}") & set(PLACEHOLDER.sub("", text)):
            raise ValidationError(_("Only {address}, {local} and {domain} are filled in."))
        if not {"address", "local"} & set(names):
            raise ValidationError(_("It needs {address} or {local}, or everybody would have the same name."))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("outgoing_host") and not cleaned.get("outgoing_port"):
            self.add_error("outgoing_port", _("A server to send through needs a port."))
        return cleaned


def _clean_host(value: str) -> str:
    """A host name in lower case; umlauts become their ASCII form (RFC 5891)."""
    text = value.strip().rstrip(".").lower()
    try:
        text = text.encode("idna").decode("ascii")
    except UnicodeError:
        text = ""
    if not HOST_NAME.fullmatch(text):
        raise ValidationError(_("This is no host name. It should look like mail.example.org."))
    return text


def _clean_port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise ValidationError(_("A port is a number from 1 to 65535."))
    return port


@admin.register(MailDomain, site=panel_site)
class MailDomainPages(Listing):
    """Presets: the servers of a domain, and whether its mailbox owners may sign in."""

    form = MailDomainForm
    list_display = ("domain", "sign_in", "incoming", "outgoing")
    list_filter = ("may_sign_in", "incoming_protocol")
    search_fields = ("domain", "incoming_host", "outgoing_host")
    paginator: ClassVar[type[Paginator[Any]]] = Paginator
    fieldsets = (
        (None, {"fields": ("domain", "may_sign_in", "username_format")}),
        (
            _("Incoming mail"),
            {"fields": (("incoming_protocol", "incoming_security"), ("incoming_host", "incoming_port"))},
        ),
        (_("Outgoing mail"), {"fields": ("outgoing_security", ("outgoing_host", "outgoing_port"))}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: MailDomain, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        audit(request, "domain.changed" if change else "domain.created", subject=obj.domain)

    def delete_model(self, request: HttpRequest, obj: MailDomain) -> None:
        audit(request, "domain.deleted", subject=obj.domain)
        super().delete_model(request, obj)

    @admin.display(description=_("sign-in"), ordering="may_sign_in")
    def sign_in(self, domain: MailDomain) -> SafeString:
        return cells.label(_("allowed"), "success") if domain.may_sign_in else cells.label(_("no"))

    @admin.display(description=_("incoming"), ordering="incoming_host")
    def incoming(self, domain: MailDomain) -> str:
        protocol = domain.get_incoming_protocol_display()
        return f"{protocol} {domain.incoming_host}:{domain.incoming_port} ({domain.get_incoming_security_display()})"

    @admin.display(description=_("outgoing"), ordering="outgoing_host")
    def outgoing(self, domain: MailDomain) -> str:
        if not domain.outgoing_host:
            return cells.EMPTY
        return f"SMTP {domain.outgoing_host}:{domain.outgoing_port} ({domain.get_outgoing_security_display()})"


@admin.register(AuditEvent, site=panel_site)
class AuditEventPages(Listing):
    """Who did what: to read only."""

    list_display = ("at", "user", "action", "subject", "ip_address")
    list_select_related = ("user",)
    list_filter = ("action",)
    search_fields = ("action", "subject", "user__email")
    ordering = ("-at",)
    fields = ("at", "user", "action", "subject", "ip_address", "detail")
