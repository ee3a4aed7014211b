"""Files are what their bytes are, and what does not fit is said."""

from __future__ import annotations

import io
import os
import zipfile
from base64 import encodebytes
from binascii import b2a_qp
from functools import partial

import pytest
from PIL import Image

from tests.attached_files import CARD, INVITATION, PROGRAM, pdf, png, wav, zip_of
from webmail.mime.attached.kinds import FileFacts, describe_file
from webmail.mime.attached.signatures import HEAD_BYTES, found_type
from webmail.mime.parse import parse_message
from webmail.mime.part import Part

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def part(name: str, kind: str, content: bytes, *, encoding: str = "base64") -> Part:
    body = {"base64": encodebytes, "quoted-printable": partial(b2a_qp, istext=False), "8bit": bytes}[encoding](content)
    head = f'Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
    return parse_message(head.encode("utf-8") + body).root


def raster(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, form)
    return out.getvalue()


def office(folder: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr(f"{folder}/main.xml", "<x/>")
    return out.getvalue()


def locked_zip() -> bytes:
    content = bytearray(zip_of(a=b"x"))
    content[6] |= 1
    return bytes(content)


CASES = [
    # name, declared type, content -> kind, found type, warning
    ("a.png", "image/png", raster("PNG"), FileFacts("image", "image/png", "")),
    ("a.jpg", "image/jpeg", raster("JPEG"), FileFacts("image", "image/jpeg", "")),
    ("a.gif", "image/gif", raster("GIF"), FileFacts("image", "image/gif", "")),
    ("a.webp", "image/webp", raster("WEBP"), FileFacts("image", "image/webp", "")),
    ("a.bmp", "image/bmp", raster("BMP"), FileFacts("image", "image/bmp", "")),
    ("a.tif", "image/tiff", raster("TIFF"), FileFacts("image", "image/tiff", "")),
    ("a.pdf", "application/pdf", pdf(1), FileFacts("pdf", "application/pdf", "")),
    ("a.txt", "text/plain", b"Hello\r\n", FileFacts("text", "text/plain", "")),
    ("a.csv", "text/csv", b"a,b\r\n1,2\r\n", FileFacts("text", "text/plain", "")),
    ("a.html", "text/html", b"<!DOCTYPE html><p>x", FileFacts("text", "text/html", "")),
    ("a.svg", "image/svg+xml", b'<?xml version="1.0"?><svg xmlns="x"/>', FileFacts("text", "image/svg+xml", "")),
    ("a.wav", "audio/x-wav", wav(), FileFacts("audio", "audio/wav", "")),
    ("a.mp3", "audio/mpeg", b"ID3\x03\0\0\0\0\0\0" + bytes(50), FileFacts("audio", "audio/mpeg", "")),
    ("a.mp4", "video/mp4", b"\0\0\0\x18ftypisom" + bytes(50), FileFacts("video", "video/mp4", "")),
    ("a.webm", "video/webm", b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm" + bytes(50), FileFacts("video", "video/webm", "")),
    ("a.ics", "text/calendar", INVITATION, FileFacts("calendar", "text/calendar", "")),
    ("a.vcf", "text/x-vcard", CARD, FileFacts("vcard", "text/vcard", "")),
    ("a.zip", "application/zip", zip_of(a=b"x"), FileFacts("archive", "application/zip", "")),
    ("a.docx", DOCX, office("word"), FileFacts("document", DOCX, "")),
    ("a.xlsx", "application/octet-stream", office("xl"), FileFacts("sheet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "")),
    ("a.doc", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), FileFacts("document", "application/x-ole-storage", "")),
    ("a.xls", "application/vnd.ms-excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), FileFacts("sheet", "application/x-ole-storage", "")),
    # Harmless differences
    ("a.png", "application/octet-stream", raster("PNG"), FileFacts("image", "image/png", "")),
    ("a.jpg", "image/jpeg", raster("PNG"), FileFacts("image", "image/png", "")),
    ("noname", "application/octet-stream", raster("PNG"), FileFacts("image", "image/png", "")),
    ("a.zip", "application/zip", office("word"), FileFacts("document", DOCX, "")),
    ("a.m4a", "audio/mp4", b"\0\0\0\x18ftypisom" + bytes(50), FileFacts("video", "video/mp4", "")),
    ("a.py", "text/x-python", b"#!/usr/bin/env python3\n", FileFacts("text", "text/x-script", "")),
    ("v1.2.pdf", "application/pdf", pdf(1), FileFacts("pdf", "application/pdf", "")),
    ("a.txt", "text/plain", b"MZ is how it begins\n", FileFacts("text", "text/plain", "")),
    # Reasons for care
    ("a.png", "image/png", PROGRAM, FileFacts("program", "application/x-executable", "mismatch")),
    ("a.pdf", "application/octet-stream", PROGRAM, FileFacts("program", "application/x-executable", "mismatch")),
    ("a.pdf", "application/pdf", b"<html><script>1</script>", FileFacts("text", "text/html", "mismatch")),
    ("a.jpg", "image/jpeg", b"<html><script>1</script>", FileFacts("text", "text/html", "mismatch")),
    ("a.jpg", "image/jpeg", zip_of(a=b"x"), FileFacts("archive", "application/zip", "mismatch")),
    ("a.mp3", "audio/mpeg", b"\x7fELF" + bytes(60), FileFacts("program", "application/x-executable", "mismatch")),
    ("a.docx", DOCX, PROGRAM, FileFacts("program", "application/x-executable", "mismatch")),
    ("bill.pdf.exe", "application/octet-stream", PROGRAM, FileFacts("program", "application/x-executable", "double-extension")),
    ("bill.pdf.js", "application/javascript", b"alert(1)", FileFacts("program", "text/plain", "double-extension")),
    ("bill.doc .scr. ", "application/octet-stream", PROGRAM, FileFacts("program", "application/x-executable", "double-extension")),
    ("setup.exe", "application/octet-stream", PROGRAM, FileFacts("program", "application/x-executable", "program")),
    ("run.sh", "text/x-sh", b"#!/bin/sh\nrm x\n", FileFacts("program", "text/x-script", "program")),
    ("x.lnk", "application/octet-stream", b"\x4c\0\0\0\x01\x14\x02\0" + bytes(80), FileFacts("program", "application/x-executable", "program")),
    ("x.hta", "text/html", b"<html><hta:application>", FileFacts("text", "text/html", "program")),
    ("a.zip", "application/zip", locked_zip(), FileFacts("archive", "application/zip", "encrypted-archive")),
    ("a.rar", "application/x-rar", b"Rar!\x1a\x07\x01\0" + bytes(4) + b"\x0d\x04\0" + bytes(40), FileFacts("archive", "application/vnd.rar", "encrypted-archive")),
    # Bytes that say nothing
    ("a.png", "image/png", b"\x01\x02\x03" * 40, FileFacts("other", "", "")),
    ("a.bin", "application/octet-stream", b"\x01\x02\x03" * 40, FileFacts("other", "", "")),
    ("", "application/octet-stream", b"", FileFacts("other", "", "")),
]  # fmt: skip


@pytest.mark.req("R21")
@pytest.mark.parametrize(
    ("name", "kind", "content", "expected"), CASES, ids=[f"{c[0]}-{c[3].kind}-{c[3].warning}" for c in CASES]
)
def test_what_a_file_is(name: str, kind: str, content: bytes, expected: FileFacts) -> None:
    found = describe_file(part(name, kind, content))
    assert found == expected


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_only_the_beginning_is_decoded_whatever_the_encoding(encoding: str) -> None:
    content = png() + bytes(100) + b"tail" * 20_000
    found = part("a.png", "image/png", content, encoding=encoding)
    assert found.start(HEAD_BYTES) == content[:HEAD_BYTES]
    assert describe_file(found).found_type == "image/png"


def test_a_part_whose_content_was_left_out_is_described_by_its_name() -> None:
    found = part("plan.pdf", "application/pdf", b"")
    assert describe_file(found) == FileFacts("pdf", "", "")


def test_a_message_is_a_message_and_a_multipart_is_nothing() -> None:
    root = parse_message(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nHi\r\n").root
    assert describe_file(root).kind == "message"
    multipart = parse_message(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n").root
    assert describe_file(multipart).found_type == ""


def test_no_bytes_at_all_make_it_raise() -> None:
    for size in (0, 1, 2, 3, 4, 7, 8, 12, 257, 4_096):
        for _ in range(20):
            found_type(os.urandom(size))
    for head in (
        b"PK\x03\x04",
        b"RIFF",
        b"Rar!\x1a\x07\x01\x00",
        b"\x00\x00\x00\x18ftyp",
        b"OggS",
        b"BM",
        b"\x1f\x8b",
        b"II*\x00",
    ):
        describe_file(part("a", "x/y", head))
