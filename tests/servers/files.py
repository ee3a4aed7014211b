"""Replace a file that a running server reads."""

import os
import time
from pathlib import Path

# Postfix pauses up to 2 s before it reads a file that changed a moment ago, lest it read half of one; ours are never half.
SETTLED_AGE_S = 10


def replace_file(path: Path, text: str, *, age_s: int = 0) -> None:
    """Write `text` so that a reader sees the old or the new file, dated `age_s` seconds ago (negative: ahead)."""
    # Begins with a dot: to those who list the directory it is not there.
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.chmod(0o644)
    changed_at = time.time() - age_s
    os.utime(temporary, (changed_at, changed_at))
    temporary.replace(path)
