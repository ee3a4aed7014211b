"""Whose word about senders counts for an account."""

from __future__ import annotations

import re
from typing import Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import MailAccount
from webmail.mime.hosts import has_public_suffix

MAX_IDS: Final = 50
# An authserv-id (RFC 8601 section 2.5) is a host name as a rule; "*." stands for every name below a domain.
_ID: Final = re.compile(r"(\*\.)?([a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)", re.ASCII)


class BelievedServersForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whose Authentication-Results an account believes."""

    class Meta:
        model = MailAccount
        fields = ["authserv_ids"]
        labels = {"authserv_ids": gettext_lazy("Servers whose checks of senders are believed")}
        widgets = {"authserv_ids": forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"})}

    def clean_authserv_ids(self) -> str:
        """One id a line, in lower case. A pattern must stay below a domain that one owner has."""
        lines = [line.strip().lower() for line in str(self.cleaned_data["authserv_ids"]).splitlines()]
        ids = list(dict.fromkeys(line for line in lines if line))
        if len(ids) > MAX_IDS:
            raise forms.ValidationError(_("At most %(count)s servers can be named.") % {"count": MAX_IDS})
        for name in ids:
            found = _ID.fullmatch(name)
            if found is None or (found[1] and not has_public_suffix(found[2])):
                raise forms.ValidationError(
                    _("“%(name)s” is no name of a server. Write mx.example.org, or *.example.org for all below it.")
                    % {"name": name[:100]}
                )
        return "\n".join(ids)
