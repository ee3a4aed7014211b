"""Messages of at most 50 MB that are made to cost a parser its time or its memory, by class (security R43).

Each is generated when it is asked for: `HOSTILE[name]()`. The same bytes each time.
"""

# Importing a module enters its classes.
from tests.hostile import files, headers, pages, structure, texts
from tests.hostile.making import HOSTILE, MAX_BYTES

__all__ = ["HOSTILE", "MAX_BYTES", "files", "headers", "pages", "structure", "texts"]
