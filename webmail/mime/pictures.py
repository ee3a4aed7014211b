"""A picture from elsewhere, drawn anew: what a browser gets was written by us, never by a stranger (security R19).

Runs in a limited child: decoders meet hostile bytes here. The type comes from the first bytes; what the other side called it
does not matter. Nothing but pixels survives: no metadata, no place, no camera, no colour profile, no bytes after the end.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from webmail.mime.limited.answer import Answer

MAX_PIXELS: Final = 20_000_000  # security section 3, "image proxy"
MAX_SIDE_PX: Final = 16_384
MAX_FRAMES: Final = 300
MAX_ANIMATED_PIXELS: Final = 30_000_000  # of all frames together; beyond it the first one stands for all
FRAME_MS: Final = 100  # where none is said, as browsers do
MIN_FRAME_MS: Final = 20
MAX_WRITTEN_BYTES: Final = 20_000_000
QUICK_PIXELS: Final = 4_000_000  # from here on speed is worth more than the last percent of size
JPEG_QUALITY: Final = 87
WEBP_QUALITY: Final = 85

# What a picture begins with, and the one decoder that may look at it.
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x01\x00", "ICO"),
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
# What it is written as. JPEG stays JPEG; everything else may be transparent.
_WRITTEN_AS: Final = {"JPEG": "JPEG", "WEBP": "WEBP", "AVIF": "WEBP", "GIF": "GIF"}
_TYPES: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


class PictureRefused(Exception):
    """It is not drawn. `reason`: "type", "pixels", "broken" or "size"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture as we wrote it. `width` and `height` in pixels."""

    data: bytes
    type: str
    width: int
    height: int
    frames: int = 1


def picture_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """The job "picture". The data is the picture; meta says "type", "width", "height", "frames", or "refused" and why."""
    try:
        drawn = redraw(raw)
    except PictureRefused as error:
        return Answer(meta={"refused": error.reason})
    return Answer(
        meta={"type": drawn.type, "width": drawn.width, "height": drawn.height, "frames": drawn.frames}, data=drawn.data
    )


def decoder_of(raw: bytes) -> str | None:
    """The decoder for these bytes by what they begin with, or None for what is not drawn: SVG, HTML and all else."""
    for magic, name in _MAGIC:
        if raw.startswith(magic):
            return name
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WEBP"
    if raw[4:8] == b"ftyp" and raw[8:12] in _AVIF_BRANDS:
        return "AVIF"
    return None


def redraw(raw: bytes) -> Drawn:
    """Read and write a picture anew. Raises `PictureRefused`.

    An animation is kept within `MAX_FRAMES` and `MAX_ANIMATED_PIXELS`. What a camera turned is turned upright.
    """
    decoder = decoder_of(raw)
    if decoder is None:
        raise PictureRefused("type")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about large or odd pictures: they are judged here
        try:
            with Image.open(io.BytesIO(raw), formats=[decoder]) as picture:
                _check_size(picture)
                drawn = _write_frames(picture, decoder) if _moves(picture) else _write_still(picture, decoder)
        except UnidentifiedImageError as error:
            raise PictureRefused("broken") from error
        except Image.DecompressionBombError as error:
            raise PictureRefused("pixels") from error
        except (OSError, ValueError, TypeError, KeyError, IndexError, SyntaxError, ArithmeticError) as error:
            # What Pillow's readers raise for broken files, over its formats.
            raise PictureRefused("broken") from error
    if len(drawn.data) > MAX_WRITTEN_BYTES:
        raise PictureRefused("size")
    return drawn


def _check_size(picture: Image.Image) -> None:
    """Before anything is unpacked."""
    width, height = picture.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise PictureRefused("pixels")
    if width < 1 or height < 1:
        raise PictureRefused("broken")


def _moves(picture: Image.Image) -> bool:
    frames = getattr(picture, "n_frames", 1)
    pixels = picture.size[0] * picture.size[1]
    return picture.format in {"GIF", "WEBP"} and 1 < frames <= MAX_FRAMES and frames * pixels <= MAX_ANIMATED_PIXELS


def _write_still(picture: Image.Image, decoder: str) -> Drawn:
    picture.seek(0)
    upright = ImageOps.exif_transpose(picture)
    name = _WRITTEN_AS.get(decoder, "PNG")
    name = "PNG" if name == "GIF" else name  # of an animation that is too long; a still one has no use for it either
    clean = _only_pixels(upright, may_be_transparent=name != "JPEG")
    out = io.BytesIO()
    is_large = clean.width * clean.height > QUICK_PIXELS
    if name == "JPEG":
        clean.save(out, "JPEG", quality=JPEG_QUALITY, progressive=not is_large)
    elif name == "WEBP":
        clean.save(out, "WEBP", quality=WEBP_QUALITY, method=0 if is_large else 3)
    else:
        clean.save(out, "PNG", compress_level=1 if is_large else 6)
    return Drawn(out.getvalue(), _TYPES[name], clean.width, clean.height)


def _write_frames(picture: Image.Image, decoder: str) -> Drawn:
    frames: list[Image.Image] = []
    durations: list[int] = []
    for frame in ImageSequence.Iterator(picture):
        frames.append(_only_pixels(frame.convert("RGBA"), may_be_transparent=True))
        durations.append(max(int(frame.info.get("duration") or FRAME_MS), MIN_FRAME_MS))  # known once it was read
    loop = picture.info.get("loop")
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": durations}
    if loop is not None:
        options["loop"] = int(loop)
    name = _WRITTEN_AS[decoder]
    if name == "WEBP":
        options |= {"quality": WEBP_QUALITY, "method": 0}
    else:
        options |= {"disposal": 2, "optimize": False}  # each frame is whole: the one before it goes
    out = io.BytesIO()
    frames[0].save(out, name, **options)
    return Drawn(out.getvalue(), _TYPES[name], frames[0].width, frames[0].height, len(frames))


def _only_pixels(picture: Image.Image, *, may_be_transparent: bool) -> Image.Image:
    """A copy in a plain mode, without anything that came with the pixels."""
    if picture.mode == "P" and may_be_transparent:
        return _only_palette(picture)
    has_alpha = may_be_transparent and ("A" in picture.getbands() or "transparency" in picture.info)
    if picture.mode.startswith("I"):
        # 16 bits a pixel: Pillow would cut off what is above 255.
        plain = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif picture.mode in {"1", "L"} and not has_alpha:
        plain = picture.convert("L")
    else:
        plain = picture.convert("RGBA" if has_alpha else "RGB")
    plain.info = {}
    return plain


def _only_palette(picture: Image.Image) -> Image.Image:
    """A copy that keeps its 256 colours, and which of them are transparent: written out in full it would be twice as large."""
    plain = picture.copy()
    transparent = picture.info.get("transparency")
    plain.info = {"transparency": transparent} if isinstance(transparent, int | bytes) else {}
    return plain
