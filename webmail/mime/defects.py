"""What can be wrong with a message: the names of all defects.

A defect is never a reason not to show a message. `webmail.web.reading.defects` says in a sentence what each means.
"""

from typing import Final, Literal, get_args

Defect = Literal[
    # Lines and header fields
    "bare-cr-line-ends",
    "missing-blank-line",
    "stray-header-line",
    "header-block-too-large",
    "header-too-large",
    "too-many-headers",
    "repeated-field",
    "eight-bit-header",
    "broken-encoded-word",
    "bad-date",
    # Types and delimiters
    "bad-content-type",
    "several-content-types",
    "unknown-transfer-encoding",
    "multipart-without-parts",
    "missing-final-boundary",
    "parts-behind-end",
    "several-boundaries",
    "boundary-too-long",
    "wrong-boundary",
    "too-deep",
    "too-many-parts",
    # Content
    "bad-base64",
    "unknown-charset",
    "wrong-charset",
    "undecodable-bytes",
    "damaged-tnef",
    "unreadable-smime",
    "incomplete-file",
]

DEFECTS: Final[tuple[Defect, ...]] = get_args(Defect)
