"""The limits that every parser of mail keeps, with their reasons, and the only errors parsing may raise.

Mail is written by strangers: without these caps one message could take minutes or all memory
(security.md section 3 and R43). Going over a cap truncates and leaves a defect; only the size cap raises.
"""

# The largest message we take apart, bytes: a 50 MB message plus the growth of a server's own headers.
MAX_MESSAGE_BYTES = 60_000_000
# One header field, its folding included, bytes.
MAX_HEADER_BYTES = 64 * 1024
# All header fields of one entity together, bytes.
MAX_HEADER_BLOCK_BYTES = 512 * 1024
# Header fields of one entity.
MAX_HEADERS = 1_000
# Header fields of all entities of one message: 1,000 parts with 1,000 fields each would take seconds.
MAX_HEADERS_PER_MESSAGE = 10_000
# Levels of multiparts within each other.
MAX_DEPTH = 100
# Entities of one message, multiparts included.
MAX_PARTS = 1_000
# Bytes looked through for delimiters in one message: each level of nesting reads its slice again.
MAX_SCANNED_BYTES = 600_000_000
# A multipart delimiter, bytes (RFC 2046 5.1.1 allows 70; Postfix compares 2,048).
MAX_BOUNDARY_BYTES = 2_048
# Addresses of one header field.
MAX_ADDRESSES = 2_000
# Message-IDs of one References field; the longest honest threads have some hundreds.
MAX_MESSAGE_IDS = 1_000
# One Message-ID, characters (RFC 5322 2.1.1: a line has at most 998).
MAX_MESSAGE_ID_CHARS = 998
# Message-IDs that connect one message to its thread.
MAX_THREAD_IDS = 100
# HTML that is turned to text, characters.
MAX_HTML_CHARS = 1_000_000
# Bytes from which a character set is guessed: more does not make the guess better.
MAX_DETECT_BYTES = 64 * 1024
# What the preview looks at, characters of plain text or HTML; its result has at most MAX_PREVIEW_CHARS (RFC 8621 4.1.4).
MAX_PREVIEW_SOURCE_CHARS = 200_000
MAX_PREVIEW_CHARS = 256
# Search text of one message, bytes of UTF-8.
MAX_SEARCH_BYTES = 512 * 1024


class MessageTooLargeError(ValueError):
    """The message is over MAX_MESSAGE_BYTES: keep its raw bytes and show them as a download."""
