"""Settings of reading: pictures from elsewhere and whose are shown, colours, tracking marks; for an account whom to believe
about senders."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms_preferences import ReadingForm
from accounts.forms_reading import BelievedServersForm
from accounts.models import MailAccount, SenderRule
from accounts.views.connecting import signed_in_user
from accounts.views.preferences import CURRENT, answer

MAX_RULES_SHOWN = 1_000


@require_http_methods(["GET", "POST"])
@login_required
def reading(request: HttpRequest) -> HttpResponse:
    """How messages are shown to the person, and the rules made about senders."""
    user = signed_in_user(request)
    rules = SenderRule.objects.filter(user=user).order_by("kind", "value")
    further = {"rules": list(rules[:MAX_RULES_SHOWN]), "accounts": list(MailAccount.objects.filter(user=user))}
    return answer(request, ReadingForm, "reading", "settings_reading", further)


@require_POST
@login_required
def rule_remove(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Take a rule about a sender away. The next message is shown as if it had never been made."""
    rule = get_object_or_404(SenderRule, pk=rule_id, user=signed_in_user(request))
    rule.delete()
    messages.success(request, _("The rule for %(value)s is gone.") % {"value": rule.value})
    return redirect("settings_reading")


@require_http_methods(["GET", "POST"])
@login_required
def account_reading(request: HttpRequest, account_id: str) -> HttpResponse:
    """Whose word about senders is believed for one account. Posted: `authserv_ids`, one a line."""
    found = get_object_or_404(MailAccount, user=signed_in_user(request), public_id=account_id)
    form = BelievedServersForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=list(form.cleaned_data))  # workers write other columns meanwhile
        messages.success(request, _("Saved."))
        return redirect("account_reading", found.public_id)
    context = {
        "current": CURRENT,
        "section": "accounts",
        "account": MailAccount.objects.get(pk=found.pk),
        "form": form,
    }
    return render(request, "settings/account_reading.html", context, status=422 if form.errors else 200)
