"""The hostile texts: our own, a file for each attack of security section 4, and the public collections beside the project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

OWN = Path(__file__).resolve().parents[1] / "corpus" / "hostile"
COLLECTIONS = ("H5SC", "PayloadsAllTheThings", "ammonia", "bleach")
PUBLIC_COUNT = 2_224


@dataclass(frozen=True)
class Vector:
    """One hostile text. `trigger`: a script that does what a person would have to do first, of H5SC."""

    id: str
    html: str
    trigger: str = ""

    @property
    def line(self) -> str:
        """On one line, for places that hold no line break."""
        return " ".join(self.html.replace("\0", "").split())


def own_vectors() -> list[Vector]:
    """Every file of tests/corpus/hostile and of its folder `items`, whole."""
    files = sorted([*OWN.glob("*.html"), *(OWN / "items").glob("*.html")])
    return [Vector(f"own-{path.stem}", path.read_text(encoding="utf-8")) for path in files]


def public_vectors(shared: Path) -> list[Vector]:
    """The four public collections, as they were written."""
    found = [
        Vector(str(row["id"]), str(row["html"]), str(row.get("trigger") or ""))
        for name in COLLECTIONS
        for row in json.loads((shared / "corpus" / "xss" / name / "vectors.json").read_text(encoding="utf-8"))
    ]
    assert len(found) == PUBLIC_COUNT
    return found
