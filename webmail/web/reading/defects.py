"""What is wrong with a message, in plain sentences for the person who asks. A defect never keeps a message from being shown."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webmail.mime.defects import Defect

EXPLANATIONS: Final[dict[Defect, str | Promise]] = {
    "bare-cr-line-ends": _("The lines end in an unusual way, as on old Macintosh computers."),
    "missing-blank-line": _("The empty line between the header and the text is missing."),
    "stray-header-line": _("There is a line in the header that is no header field."),
    "header-block-too-large": _("The header is longer than we read. The rest of it is left out."),
    "header-too-large": _("A header field is longer than we read. The rest of it is left out."),
    "too-many-headers": _("There are more header fields than we read. The rest of them is left out."),
    "repeated-field": _("A field that may be there once, such as the sender or the subject, is there several times. We show the last one."),
    "eight-bit-header": _("The header has special characters that are not marked as its rules ask for. We guessed how to read them."),
    "broken-encoded-word": _("Some special characters of the subject or of a name are damaged."),
    "bad-date": _("The date cannot be read or is no real date."),
    "bad-content-type": _("The type of a part is not written as its rules ask for. We guessed what it is."),
    "several-content-types": _("A part has several types. We use the first one."),
    "unknown-transfer-encoding": _("A part is packed in a way that we do not know. We show it as it came."),
    "multipart-without-parts": _("The message says that it has several parts, but they are not there."),
    "missing-final-boundary": _("The end of the message is missing. It may have been cut off."),
    "parts-behind-end": _("There are parts behind the place where the message says it ends. We show them too."),
    "several-boundaries": _("The message says in two ways where its parts begin. We use the way that fits."),
    "boundary-too-long": _("The mark between the parts is longer than we read."),
    "wrong-boundary": _("The mark between the parts is another one than the message says. We found the parts nevertheless."),
    "too-deep": _("Parts lie within parts more often than we look. What is deeper is offered as a file."),
    "too-many-parts": _("There are more parts than we show. The rest of them is left out."),
    "bad-base64": _("A packed part has characters that do not belong there. It may be damaged."),
    "unknown-charset": _("A text is in a character set that we do not know. We guessed how to read it."),
    "wrong-charset": _("A text is in another character set than it says. We read it as what it seems to be."),
    "undecodable-bytes": _("Some characters of a text are damaged and cannot be shown."),
    "damaged-tnef": _("The file winmail.dat from Outlook is damaged. Some of what was in it may be missing."),
    "unreadable-smime": _("The signed content of this message cannot be read. You can save it as a file."),
    "incomplete-file": _("A file in the text is incomplete: its end is missing."),
}  # fmt: skip


def explain_defect(name: Defect) -> str:
    """The sentence that says what this defect means."""
    return str(EXPLANATIONS[name])
