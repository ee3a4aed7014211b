"""What is in a zip file, without unpacking it."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.attached_files import message_with, zip_of
from webmail.mime.attached import archives
from webmail.mime.attached.archives import ArchiveEntry, list_zip
from webmail.mime.limited.children import run_limited


def test_names_and_sizes_are_listed_and_folders_are_not_counted() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.mkdir("folder")
        archive.writestr("folder/a.txt", b"12345")
    found = list_zip(out.getvalue())
    assert found is not None
    assert found.entries == (ArchiveEntry("folder/a.txt", 5),)
    assert (found.total, found.total_bytes) == (1, 5)


@pytest.mark.req("R24")
def test_only_the_first_entries_are_listed_and_all_are_counted() -> None:
    found = list_zip(zip_of(**{f"n{number}": b"" for number in range(archives.MAX_ENTRIES + 5)}))
    assert found is not None
    assert (len(found.entries), found.total) == (archives.MAX_ENTRIES, archives.MAX_ENTRIES + 5)


@pytest.mark.req("R22")
def test_names_in_it_are_text_without_controls() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../a\u202egpj.exe\n" + "x" * 1_000, b"")
    found = list_zip(out.getvalue())
    assert found is not None
    assert "\u202e" not in found.entries[0].name
    assert "\n" not in found.entries[0].name
    assert len(found.entries[0].name) == archives.MAX_NAME


def test_what_is_no_zip_file_is_none() -> None:
    for content in (b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18) + b"x", zip_of(a=b"x")[:-10], b"x" * 100):
        found = list_zip(content)
        assert found is None or found.total == 0


@pytest.mark.req("R24")
def test_a_directory_that_says_it_is_endless_is_bounded_by_the_child() -> None:
    content = bytearray(zip_of(a=b"x"))
    end = content.rindex(b"PK\x05\x06")
    content[end + 8 : end + 12] = b"\xff\xff\xff\xff"  # 65,535 entries
    answer = run_limited("preview", message_with(("a.zip", "application/zip", bytes(content))), {"part_id": "2"})
    assert answer.meta["facts"]["kind"] == "archive"
