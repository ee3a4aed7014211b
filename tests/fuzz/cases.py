"""The messages that are mutated, and the cases: number by number the same for the same seed."""

from pathlib import Path
from random import Random

from tests.fuzz.mutations import mutate

OWN = Path(__file__).resolve().parents[1] / "corpus"
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
SAMPLE = 500
SAMPLE_SEED = 46
MAX_SAMPLE_BYTES = 200_000
FOLDERS = ("malformed-mime", "bounces", "crypto", "threads", "charsets", "tnef", "calendar", "templates")


def own_messages() -> list[bytes]:
    """Those of the project's own fixtures."""
    return [path.read_bytes() for path in sorted(OWN.rglob("*")) if path.is_file()]


def sample() -> list[bytes]:
    """500 messages of the corpus beside the project and our own; only our own where it is absent."""
    found = [path for folder in FOLDERS for path in sorted((CORPUS / folder).rglob("*")) if path.is_file()]
    found = [path for path in found if 0 < path.stat().st_size <= MAX_SAMPLE_BYTES]
    chosen = Random(SAMPLE_SEED).sample(found, min(SAMPLE, len(found)))
    return [_as_message(path) for path in chosen] + own_messages()


def _as_message(path: Path) -> bytes:
    """Files that are no messages get a header."""
    raw = path.read_bytes()
    kinds = {
        ".html": b"text/html",
        ".htm": b"text/html",
        ".ics": b"text/calendar",
        ".tnef": b"application/ms-tnef",
        ".dat": b"application/ms-tnef",
    }
    kind = kinds.get(path.suffix.lower())
    return b"Subject: a\r\nContent-Type: " + kind + b"\r\n\r\n" + raw if kind else raw


def case(messages: list[bytes], seed: int, number: int) -> tuple[bytes, list[str]]:
    """The bytes of one case and the mutations that made them."""
    return mutate(messages, Random(f"{seed}/{number}"))
