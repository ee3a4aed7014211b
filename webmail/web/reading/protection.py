"""What readers are told of a message that is signed or encrypted: nothing is decrypted or verified here (security R16)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from webmail.mime.protection import Protection

_ENCRYPTED = gettext_lazy(
    "This message is encrypted with %(method)s. Pillarbox has no keys: download it and open it in a program that has yours."
)
_PARTLY = gettext_lazy(
    "A part of this message is encrypted with %(method)s. What stands around it is not protected by that."
)
_SIGNED = gettext_lazy(
    "This message carries a signature of %(method)s. It is not verified here, so it proves nothing yet."
)
_METHODS = {"smime": "S/MIME", "pgp": "OpenPGP"}


def protection_words(protection: Protection) -> str:
    """One or two plain sentences."""
    method = {"method": _METHODS[protection.kind.partition("-")[0]]}
    if protection.kind.endswith("encrypted"):
        return str(_ENCRYPTED if protection.covers_all else _PARTLY) % method
    return str(_SIGNED) % method
