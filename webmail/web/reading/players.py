"""A document with nothing but the browser's own player for a sound or a film: for a sandboxed frame, without any script."""

from __future__ import annotations

from markupsafe import Markup

# What browsers play by themselves; the type is the one the bytes have.
PLAYED_TYPES = frozenset(
    {
        "audio/mpeg", "audio/ogg", "audio/wav", "audio/flac", "audio/mp4",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime",
    }
)  # fmt: skip
_DOCUMENT = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    "<title>{name}</title><style>{css}</style></head>"
    '<body><{tag} controls preload="metadata" src="{address}" aria-label="{name}"></{tag}></body></html>\n'
)
_CSS = Markup(
    "html,body{height:100%;margin:0}body{display:flex;align-items:center;justify-content:center}"
    "video{max-width:100%;max-height:100%}audio{width:min(100%,560px)}"
)
POLICY = (
    "sandbox; default-src 'none'; media-src {media}; style-src 'unsafe-inline'; frame-ancestors {app}; "
    "form-action 'none'; base-uri 'none'"
)


def player_document(address: str, *, name: str, is_audio: bool) -> str:
    """The document that plays what is at `address`."""
    return _DOCUMENT.format(address=address, name=name, css=_CSS, tag="audio" if is_audio else "video")
