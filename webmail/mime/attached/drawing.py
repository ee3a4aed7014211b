"""Pictures of attached files: small ones for their cards, and the pages of a PDF. Run in a limited child with `DRAWING`.

What comes out is drawn anew as WebP, so that nothing of the file reaches a browser but colours. The libraries see only the
formats named here; sizes are looked at before anything is unpacked.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any, Final

import pypdfium2
from PIL import Image, ImageOps, UnidentifiedImageError

from webmail.mime.attached.opened import NoSuchPart, open_part
from webmail.mime.attached.signatures import HEAD_BYTES, found_type
from webmail.mime.limited.answer import Answer
from webmail.mime.part import Part

THUMBNAIL_PX: Final = 320  # the longer side
PAGE_WIDTH_PX: Final = 1_200
PAGE_HEIGHT_PX: Final = 4_000  # of pages that are more like a roll
MAX_PAGES: Final = 200  # of a document, drawn
MAX_PIXELS: Final = 50_000_000  # of a picture, unpacked: 200 MB with transparency; larger JPEGs are unpacked smaller
TYPE: Final = "image/webp"
_QUALITY: Final = 80
# Pillow's names of what may be opened.
_FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
DRAWN_TYPES: Final = frozenset({*_FORMATS, "application/pdf"})
_LEAST_POINTS: Final = 1.0  # 1/72 inch; a page of less is none


class Refused(Exception):
    """It cannot be drawn; the text is one word for why."""


def thumbnail_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """A picture of the part of at most `THUMBNAIL_PX` a side: of a picture, or of the first page of a PDF.

    Options as of `open_part`. `meta`: type, width, height, and pages of a document, else 0; or `refused`: "missing", "type",
    "damaged", "password", "large".
    """
    return _answer(raw, {**options, "page": 0}, side=THUMBNAIL_PX)


def page_job(raw: bytes, options: Mapping[str, Any]) -> Answer:
    """One page of a PDF, `PAGE_WIDTH_PX` wide, or the one picture of a format that browsers do not know. Options as of
    `open_part`, and `page`, from 0. `meta` as of `thumbnail_job`, `refused` also "page"."""
    return _answer(raw, options, side=0)


def page_sizes(content: bytes) -> tuple[tuple[tuple[int, int], ...], int]:
    """(width, height) in pixels of the pages that `page_job` draws, and how many pages the document has in all. Nothing is
    drawn. Raises `Refused`."""
    try:
        with pypdfium2.PdfDocument(content) as document:
            pages = len(document)
            sizes = (document.get_page_size(number) for number in range(min(pages, MAX_PAGES)))
            return tuple(_fitted(width, height, 0) for width, height in sizes), pages
    except pypdfium2.PdfiumError as error:
        raise _why(error) from error


def _answer(raw: bytes, options: Mapping[str, Any], *, side: int) -> Answer:
    try:
        part = open_part(raw, options)
        picture, pages = _draw(part, int(options["page"]), side=side)
        return _written(picture, pages)
    except NoSuchPart:
        return Answer({"refused": "missing"})
    except Refused as refused:
        return Answer({"refused": str(refused)})


def _draw(part: Part, page: int, *, side: int) -> tuple[Image.Image, int]:
    kind = found_type(part.start(HEAD_BYTES))
    if kind == "application/pdf":
        return _pdf_page(part.decoded(), page, side=side)
    if kind not in _FORMATS or page:
        raise Refused("type")
    return _picture(part.decoded(), _FORMATS[kind], side=side or PAGE_WIDTH_PX), 0


def _picture(content: bytes, form: str, *, side: int) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content), formats=[form]) as picture:
            # Only JPEG heeds this: it is unpacked at an eighth of its size, or what is just above ours.
            picture.draft("RGB", (side, side))
            if math.prod(picture.size) > MAX_PIXELS:
                raise Refused("large")
            turned = ImageOps.exif_transpose(picture)  # as the camera was held
            turned.thumbnail((side, side))
            has_alpha = turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info
            return turned.convert("RGBA" if has_alpha else "RGB")
    except Image.DecompressionBombError as error:
        raise Refused("large") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused("damaged") from error


def _pdf_page(content: bytes, number: int, *, side: int) -> tuple[Image.Image, int]:
    try:
        with pypdfium2.PdfDocument(content) as document:
            pages = len(document)
            if not 0 <= number < min(pages, MAX_PAGES):
                raise Refused("page")
            page = document[number]
            width, height = page.get_size()
            bitmap = page.render(scale=_scale(width, height, side), may_draw_forms=False)
            return bitmap.to_pil().convert("RGB"), pages
    except pypdfium2.PdfiumError as error:
        raise _why(error) from error


def _scale(width: float, height: float, side: int) -> float:
    if min(width, height) < _LEAST_POINTS:
        raise Refused("damaged")
    return min((side or PAGE_WIDTH_PX) / width, (side or PAGE_HEIGHT_PX) / height)


def _fitted(width: float, height: float, side: int) -> tuple[int, int]:
    scale = _scale(width, height, side)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _why(error: pypdfium2.PdfiumError) -> Refused:
    # PDFium's own words for FPDF_ERR_PASSWORD.
    return Refused("password" if "password" in str(error).lower() else "damaged")


def _written(picture: Image.Image, pages: int) -> Answer:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=2)  # without any of the metadata
    return Answer({"type": TYPE, "width": picture.width, "height": picture.height, "pages": pages}, out.getvalue())
