"""winmail.dat: what Outlook wraps into application/ms-tnef ([MS-OXTNEF]). Bounded, raises nothing, copies no file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from webmail.mime.charsets import decode_bytes
from webmail.mime.embedded.mapi import Property, Truncated, long_at, read_properties, word_at
from webmail.mime.encoded_words import clean_text

# Attributes of one file; each attachment takes about five.
MAX_ATTRIBUTES: Final = 5_000
# Files of one winmail.dat.
MAX_FILES: Final = 500
# Properties of one file and all that is attached in it.
MAX_PROPERTIES_IN_ALL: Final = 50_000
# A file name in it, bytes.
_MAX_NAME_BYTES: Final = 2_000

_SIGNATURE: Final = b"\x78\x9f\x3e\x22"
_HEADER_BYTES: Final = 6
_IN_ATTACHMENT: Final = 2
_BODY, _ATTACH_DATA, _ATTACH_TITLE = 0x800C, 0x800F, 0x8010
_ATTACH_START, _MESSAGE_PROPERTIES, _ATTACH_PROPERTIES, _CODE_PAGE = 0x9002, 0x9003, 0x9005, 0x9007
_PLAIN, _HTML, _RTF, _INTERNET_CODE_PAGE = 0x1000, 0x1013, 0x1009, 0x3FDE
_DATA, _NAME, _LONG_NAME, _SHOWN_NAME, _MIME_TAG, _CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x3001, 0x370E, 0x3712
_INTERFACE_BYTES: Final = 16
_MESSAGE_INTERFACE: Final = b"\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"
_STORAGE_INTERFACE: Final = b"\x0b\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"


@dataclass(slots=True)
class TnefFile:
    """A file in it. `type`: as the sender's Outlook labelled it, "" if not. `is_message`: `data` is TNEF again."""

    name: str = ""
    type: str = ""
    cid: str = ""
    data: memoryview = field(default_factory=lambda: memoryview(b""))
    is_message: bool = False


@dataclass(slots=True)
class Tnef:
    """What was found. The bodies are bytes in `charset` (`plain_charset` for the plain one), `rtf` is still compressed."""

    charset: str = ""
    plain_charset: str = ""
    plain: memoryview | None = None
    html: memoryview | None = None
    rtf: memoryview | None = None
    files: list[TnefFile] = field(default_factory=list)
    is_damaged: bool = False


def is_tnef(start: bytes) -> bool:
    """Whether the first bytes of a file are those of TNEF."""
    return start.startswith(_SIGNATURE)


def read_tnef(data: memoryview) -> Tnef:
    """Everything up to the first place that cannot be read, which `is_damaged` tells of."""
    found = Tnef()
    if not is_tnef(bytes(data[:4])):
        found.is_damaged = True
        return found
    reader = _Reader(found)
    try:
        _read_attributes(data, reader)
    except Truncated:
        found.is_damaged = True
    reader.finish()
    return found


def _read_attributes(data: memoryview, reader: "_Reader") -> None:
    position = _HEADER_BYTES
    for _ in range(MAX_ATTRIBUTES):
        if position + 11 > len(data):
            return
        level, identity, size = data[position], word_at(data, position + 1), long_at(data, position + 5)
        if level not in (1, _IN_ATTACHMENT):
            # Bytes behind the end, which some gateways add.
            raise Truncated("no attribute begins here")
        start = position + 9
        value = data[start : start + size]
        reader.attribute(level, identity, value)
        if len(value) < size:
            raise Truncated("the last attribute is cut off")
        position = start + size + 2
    raise Truncated("more attributes than are read")


class _Reader:
    """The attributes put where they belong."""

    def __init__(self, found: Tnef) -> None:
        self.found = found
        self.file: TnefFile | None = None
        self.code_page = "windows-1252"
        self.internet_code_page = ""
        self.properties_left = MAX_PROPERTIES_IN_ALL

    def attribute(self, level: int, identity: int, value: memoryview) -> None:
        if level == _IN_ATTACHMENT:
            self.attachment(identity, value)
        elif identity == _CODE_PAGE and len(value) >= 4:
            self.code_page = charset_of(long_at(value, 0)) or self.code_page
        elif identity == _BODY:
            self.found.plain, self.found.plain_charset = _until_nul(value), self.code_page
        elif identity == _MESSAGE_PROPERTIES:
            self.properties(value, self.message_property)

    def attachment(self, identity: int, value: memoryview) -> None:
        if identity == _ATTACH_START or self.file is None:
            if len(self.found.files) >= MAX_FILES:
                raise Truncated("more files than are taken out")
            self.file = TnefFile()
            self.found.files.append(self.file)
        if identity == _ATTACH_TITLE:
            self.file.name = self.file.name or self.text(value)
        elif identity == _ATTACH_DATA:
            self.file.data = value
        elif identity == _ATTACH_PROPERTIES:
            self.properties(value, self.file_property)

    def properties(self, value: memoryview, use: Callable[[Property], None]) -> None:
        """A property that cannot be read costs those behind it, not the attributes that follow."""
        try:
            for one in read_properties(value):
                self.properties_left -= 1
                if self.properties_left < 0:
                    raise Truncated("more properties than are read")
                use(one)
        except Truncated:
            self.found.is_damaged = True

    def message_property(self, one: Property) -> None:
        if one.id == _PLAIN and len(one.value):
            self.found.plain = one.value if one.is_unicode else _until_nul(one.value)
            self.found.plain_charset = "utf-16-le" if one.is_unicode else ""
        elif one.id == _HTML and len(one.value):
            self.found.html = one.value
            self.found.charset = "utf-16-le" if one.is_unicode else ""
        elif one.id == _RTF and len(one.value):
            self.found.rtf = one.value
        elif one.id == _INTERNET_CODE_PAGE:
            self.internet_code_page = charset_of(one.number())

    def file_property(self, one: Property) -> None:
        if self.file is None or not len(one.value):
            return
        if one.id == _LONG_NAME or (one.id in (_NAME, _SHOWN_NAME) and not self.file.name):
            self.file.name = self.text(one.value, is_unicode=one.is_unicode) or self.file.name
        elif one.id == _MIME_TAG:
            self.file.type = self.text(one.value, is_unicode=one.is_unicode).lower()
        elif one.id == _CONTENT_ID:
            self.file.cid = self.text(one.value, is_unicode=one.is_unicode).strip("<>")
        elif one.id == _DATA:
            self.data_property(self.file, one.value)

    def data_property(self, file: TnefFile, value: memoryview) -> None:
        interface = bytes(value[:_INTERFACE_BYTES])
        if interface in (_MESSAGE_INTERFACE, _STORAGE_INTERFACE):
            # An object is preceded by the name of the interface that opens it.
            value = value[_INTERFACE_BYTES:]
            file.is_message = interface == _MESSAGE_INTERFACE and is_tnef(bytes(value[:4]))
        file.data = value

    def text(self, value: memoryview, *, is_unicode: bool = False) -> str:
        raw = bytes(value[:_MAX_NAME_BYTES])
        if is_unicode:
            return clean_text(raw.decode("utf-16-le", "replace").partition("\0")[0])
        return clean_text(decode_bytes(raw.partition(b"\0")[0], self.code_page)[0])

    def finish(self) -> None:
        self.found.charset = self.found.charset or self.internet_code_page or self.code_page
        self.found.plain_charset = self.found.plain_charset or self.internet_code_page or self.code_page


def charset_of(code_page: int) -> str:
    """The label of a Windows code page, "" for one that is none."""
    special = {65001: "utf-8", 20127: "us-ascii", 1200: "utf-16-le", 20866: "koi8-r", 21866: "koi8-u", 51932: "euc-jp"}
    if code_page in special:
        return special[code_page]
    if 28591 <= code_page <= 28606:
        return f"iso-8859-{code_page - 28590}"
    if 50220 <= code_page <= 50222:
        return "iso-2022-jp"
    return f"cp{code_page}" if 0 < code_page < 60_000 else ""


def _until_nul(value: memoryview) -> memoryview:
    end = bytes(value).find(b"\0")
    return value if end < 0 else value[:end]
