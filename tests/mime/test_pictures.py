"""Pictures from elsewhere are drawn anew or refused: by their bytes, whatever anybody calls them (security R19)."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from webmail.mime.limited.answer import DRAWING
from webmail.mime.limited.children import run_limited
from webmail.mime.pictures import (
    MAX_ANIMATED_PIXELS,
    MAX_FRAMES,
    MAX_PIXELS,
    Drawn,
    PictureRefused,
    decoder_of,
    picture_job,
    redraw,
)

MARKER = b"S3CR3T-camera"


def encoded(mode: str, size: tuple[int, int], kind: str, color: object = None, **options: object) -> bytes:
    picture = Image.new(mode, size, color) if color is not None else Image.new(mode, size)  # type: ignore[arg-type]
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def opened(drawn: Drawn) -> Image.Image:
    picture = Image.open(io.BytesIO(drawn.data))
    picture.load()
    return picture


def animated(kind: str, count: int, size: tuple[int, int] = (8, 8)) -> bytes:
    frames = [Image.new("RGB", size, (index * 40 % 256, 0, 255 - index % 256)) for index in range(count)]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=50, loop=0)
    return out.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A header that promises this many pixels, and next to no data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# What is drawn ----------------------------------------------------------------------------------------------------


@pytest.mark.req("R19")
@pytest.mark.parametrize(
    ("mode", "kind", "written"),
    [
        ("RGB", "PNG", "image/png"),
        ("RGBA", "PNG", "image/png"),
        ("L", "PNG", "image/png"),
        ("1", "PNG", "image/png"),
        ("P", "PNG", "image/png"),
        ("I;16", "PNG", "image/png"),
        ("RGB", "JPEG", "image/jpeg"),
        ("L", "JPEG", "image/jpeg"),
        ("CMYK", "JPEG", "image/jpeg"),
        ("P", "GIF", "image/png"),
        ("RGB", "WEBP", "image/webp"),
        ("RGBA", "WEBP", "image/webp"),
        ("RGB", "BMP", "image/png"),
        ("RGBA", "ICO", "image/png"),
        ("RGB", "AVIF", "image/webp"),
    ],
)
def test_a_picture_is_written_anew_in_a_form_browsers_draw(mode: str, kind: str, written: str) -> None:
    raw = encoded(mode, (32, 16), kind)
    drawn = redraw(raw)
    assert drawn.type == written
    if kind != "ICO":
        assert (drawn.width, drawn.height) == (32, 16)
    assert opened(drawn).size == (drawn.width, drawn.height)


def test_colours_and_transparency_stay() -> None:
    picture = opened(redraw(encoded("RGBA", (4, 4), "PNG", (10, 200, 30, 128))))
    assert picture.getpixel((1, 1)) == (10, 200, 30, 128)
    picture = opened(redraw(encoded("RGB", (16, 16), "JPEG", (200, 30, 40), quality=95)))
    assert all(abs(found - asked) < 8 for found, asked in zip(picture.getpixel((8, 8)), (200, 30, 40), strict=True))  # type: ignore[arg-type]
    grey = opened(redraw(encoded("I;16", (4, 4), "PNG", 0x8000)))
    assert grey.getpixel((0, 0)) == 128


def test_a_picture_with_one_transparent_colour_keeps_it() -> None:
    raw = encoded("P", (4, 4), "GIF", 0, transparency=0)
    assert opened(redraw(raw)).convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_what_the_camera_turned_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by a quarter
    drawn = redraw(encoded("RGB", (30, 10), "JPEG", exif=exif))
    assert (drawn.width, drawn.height) == (10, 30)


@pytest.mark.req("R19")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_nothing_but_pixels_survives(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = MARKER.decode()  # the maker of the camera
    options: dict[str, object] = {"exif": exif, "icc_profile": b"\0" * 128 + MARKER}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", MARKER.decode())
        options["pnginfo"] = text
    if kind == "JPEG":
        options["comment"] = MARKER
    raw = encoded("RGB", (16, 16), kind, **options) + b"<script>" + MARKER
    assert MARKER in raw
    drawn = redraw(raw)
    assert MARKER not in drawn.data
    assert b"<script" not in drawn.data
    assert not dict(opened(drawn).getexif())
    assert "icc_profile" not in opened(drawn).info


def test_a_picture_of_few_colours_does_not_grow() -> None:
    picture = Image.effect_noise((200, 200), 80).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    out = io.BytesIO()
    picture.save(out, "GIF")
    drawn = redraw(out.getvalue())
    assert drawn.type == "image/png"
    assert opened(drawn).mode == "P"
    assert len(drawn.data) < 1.2 * len(out.getvalue())
    assert opened(drawn).convert("RGB").tobytes() == picture.convert("RGB").tobytes()


# Animations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "written"), [("GIF", "image/gif"), ("WEBP", "image/webp")])
def test_an_animation_keeps_its_frames_and_their_time(kind: str, written: str) -> None:
    drawn = redraw(animated(kind, 4))
    assert (drawn.type, drawn.frames) == (written, 4)
    picture = opened(drawn)
    assert picture.n_frames == 4  # type: ignore[attr-defined]
    assert picture.info.get("duration", 50) == 50
    picture.seek(2)
    red, _, blue = picture.convert("RGB").getpixel((3, 3))  # type: ignore[misc]
    assert abs(red - 80) < 20
    assert abs(blue - 253) < 20


@pytest.mark.req("R19")
def test_of_an_animation_with_too_many_frames_the_first_stands_for_all() -> None:
    drawn = redraw(animated("GIF", MAX_FRAMES + 1, (2, 2)))
    assert (drawn.type, drawn.frames) == ("image/png", 1)


@pytest.mark.req("R19")
def test_of_an_animation_with_too_many_pixels_the_first_stands_for_all() -> None:
    size = (2_000, 2_000)
    count = MAX_ANIMATED_PIXELS // (size[0] * size[1]) + 1
    assert redraw(animated("GIF", count, size)).frames == 1


# What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.req("R19")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"\xef\xbb\xbf<svg/>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"II*\x00\x08\x00\x00\x00",
        b"MM\x00*\x00\x00\x00\x08",
        b"8BPS\x00\x01",
        b"\x0a\x05\x01\x08",
        b"PK\x03\x04",
        b"GIF88a",
        b"RIFF\x00\x00\x00\x00AVI ",
        b"\x00\x00\x00\x18ftypmp42",
        b"\x00\x00\x00\x18ftypheic",
        b"P6 1 1 255 aaa",
        b" \x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_raster_picture_of_the_list_is_refused_by_its_bytes(raw: bytes) -> None:
    assert decoder_of(raw) is None
    with pytest.raises(PictureRefused) as caught:
        redraw(raw)
    assert caught.value.reason == "type"


@pytest.mark.req("R19")
@pytest.mark.parametrize("size", [(5_000, 4_001), (20_000, 1), (1, 16_385), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_more_than_twenty_megapixels_are_refused_before_they_are_unpacked(size: tuple[int, int]) -> None:
    with pytest.raises(PictureRefused) as caught:
        redraw(png_of_size(*size))
    assert caught.value.reason in {"pixels", "broken"}
    assert MAX_PIXELS == 20_000_000


@pytest.mark.req("R19")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO", "AVIF"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_a_broken_picture_is_drawn_or_refused_and_nothing_else(kind: str, keep: float) -> None:
    raw = encoded("RGB", (64, 64), kind, (1, 2, 3))
    cut = raw[: max(int(len(raw) * keep), 12)]
    scrambled = bytearray(raw)
    scrambled[len(raw) // 2 :: 3] = b"\xff" * len(scrambled[len(raw) // 2 :: 3])
    for damaged in (cut, bytes(scrambled)):
        with contextlib.suppress(PictureRefused):
            drawn = redraw(damaged)
            assert opened(drawn).size == (drawn.width, drawn.height)


# In the child -----------------------------------------------------------------------------------------------------


@pytest.mark.req("R19")
def test_the_job_says_what_it_wrote_or_why_not() -> None:
    answer = run_limited("picture", encoded("RGB", (20, 10), "PNG"), limits=DRAWING)
    assert answer.meta == {"type": "image/png", "width": 20, "height": 10, "frames": 1}
    assert answer.data.startswith(b"\x89PNG")
    assert run_limited("picture", b"<svg/>", limits=DRAWING).meta == {"refused": "type"}
    assert picture_job(png_of_size(50_000, 50_000), {}).meta == {"refused": "pixels"}


@pytest.mark.req("R19")
def test_the_largest_picture_fits_into_the_limits_of_the_child() -> None:
    raw = encoded("RGBA", (5_000, 4_000), "PNG", (1, 2, 3, 4), compress_level=1)
    answer = run_limited("picture", raw, limits=DRAWING)
    assert (answer.meta["width"], answer.meta["height"]) == (5_000, 4_000)
