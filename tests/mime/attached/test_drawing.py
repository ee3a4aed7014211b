"""Pictures of attached files: drawn anew, within limits, or refused in a word."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from tests.attached_files import message_with, pdf, png
from webmail.mime.attached import drawing
from webmail.mime.attached.drawing import page_job, page_sizes, thumbnail_job
from webmail.mime.limited.answer import DRAWING, LimitExceeded
from webmail.mime.limited.children import run_limited


def thumbnail(content: bytes, kind: str = "image/png") -> tuple[dict[str, object], Image.Image | None]:
    answer = thumbnail_job(message_with(("a", kind, content)), {"part_id": "2"})
    return answer.meta, Image.open(io.BytesIO(answer.data)) if answer.data else None


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side: int) -> bytes:
    """A picture that says it is this large, in a few bytes."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * min(side, 2_000)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_every_format_is_drawn_as_webp_at_its_own_shape(form: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (640, 320), "green").save(out, form)
    meta, picture = thumbnail(out.getvalue())
    assert meta == {"type": "image/webp", "width": 320, "height": 160, "pages": 0}
    assert picture is not None
    assert (picture.format, picture.size) == ("WEBP", (320, 160))


def test_a_small_picture_is_not_made_larger_and_keeps_its_transparency() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(out, "PNG")
    _, picture = thumbnail(out.getvalue())
    assert picture is not None
    assert (picture.size, picture.mode) == ((10, 10), "RGBA")


def test_a_picture_stands_as_the_camera_was_held_and_says_nothing_else() -> None:
    picture = Image.new("RGB", (40, 20), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "SECRET-PLACE"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    answer = thumbnail_job(message_with(("a.jpg", "image/jpeg", out.getvalue())), {"part_id": "2"})
    assert (answer.meta["width"], answer.meta["height"]) == (20, 40)
    assert b"SECRET-PLACE" not in answer.data


@pytest.mark.req("R24")
def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    assert thumbnail(png_bomb(8_000))[0] == {"refused": "large"}
    assert thumbnail(png_bomb(60_000))[0] == {"refused": "large"}


@pytest.mark.req("R24")
def test_a_picture_just_under_the_cap_costs_a_child_at_most() -> None:
    """A picture just under the cap of pixels is drawn, refused or ended: none of these is an error of the worker."""
    raw = message_with(("a.png", "image/png", png_bomb(7_000)))
    try:
        answer = run_limited("thumbnail", raw, {"part_id": "2"}, limits=DRAWING)
    except LimitExceeded:
        return
    assert "refused" in answer.meta or answer.meta["width"] == 320


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<svg/>", "type"),
        (b"\x89PNG\r\n\x1a\nx", "damaged"),
        (png()[:60], "damaged"),
        (b"GIF89a", "damaged"),
        (b"", "type"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_word(content: bytes, reason: str) -> None:
    assert thumbnail(content)[0] == {"refused": reason}


def test_a_part_that_is_not_there_is_missing() -> None:
    assert thumbnail_job(message_with(), {"part_id": "7"}).meta == {"refused": "missing"}


def test_a_page_of_a_pdf_is_drawn_at_reading_size_and_counts_the_others() -> None:
    raw = message_with(("a.pdf", "application/pdf", pdf(3)))
    answer = page_job(raw, {"part_id": "2", "page": 2})
    assert answer.meta == {"type": "image/webp", "width": 1200, "height": 1800, "pages": 3}
    assert page_job(raw, {"part_id": "2", "page": 3}).meta == {"refused": "page"}
    assert page_job(raw, {"part_id": "2", "page": -1}).meta == {"refused": "page"}
    assert thumbnail_job(raw, {"part_id": "2"}).meta["height"] == 320


def test_no_more_pages_are_drawn_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_PAGES", 2)
    sizes, total = page_sizes(pdf(3))
    assert (sizes, total) == (((1200, 1800), (1200, 1800)), 3)
    assert page_job(message_with(("a.pdf", "application/pdf", pdf(3))), {"part_id": "2", "page": 2}).meta == {
        "refused": "page"
    }


def test_a_picture_of_a_format_that_browsers_do_not_know_is_drawn_as_a_page() -> None:
    out = io.BytesIO()
    Image.new("RGB", (2_400, 600)).save(out, "TIFF")
    answer = page_job(message_with(("a.tif", "image/tiff", out.getvalue())), {"part_id": "2", "page": 0})
    assert (answer.meta["width"], answer.meta["height"]) == (1_200, 300)
