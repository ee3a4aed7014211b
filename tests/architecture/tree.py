"""The project's own files, as the tests of this folder look at them."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Made by tools, never committed; hidden folders are tools' too.
NOT_OURS = {"node_modules", "var", "__pycache__", "dist"}
PRODUCT = ("webmail", "accounts")


def text_of(path: Path) -> str:
    """The file as text; bytes that are no UTF-8 are replaced."""
    return path.read_text(encoding="utf-8", errors="replace")


def files_under(*folders: str, suffixes: tuple[str, ...] = ()) -> Iterator[Path]:
    """Every file of ours below these folders of the project, those with `suffixes` only if any are named."""
    for folder in folders:
        for parent, names, files in os.walk(ROOT / folder):
            names[:] = [name for name in names if name not in NOT_OURS and not (name.startswith(".") and name != ".ci")]
            for name in files:
                if not suffixes or name.endswith(suffixes):
                    yield Path(parent, name)


def modules_of_product() -> list[Path]:
    """All Python files of the product."""
    return sorted([*files_under(*PRODUCT, suffixes=(".py",)), ROOT / "manage.py"])
