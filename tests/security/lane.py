"""Which lane a run is: PILLARBOX_XSS_FULL=1 takes every public vector, `make test` our own and a sample that is always the same."""

import os
import random
from collections.abc import Sequence

from tests.security.vectors import Vector

IS_FULL = bool(os.environ.get("PILLARBOX_XSS_FULL"))
SAMPLE = 120
SEED = 20260303
SLICES = 6 if IS_FULL else 2  # so that two processes share the work


def chosen(public: Sequence[Vector]) -> list[Vector]:
    """The public vectors of this lane."""
    if IS_FULL:
        return list(public)
    return random.Random(SEED).sample(list(public), SAMPLE)


def slice_of(vectors: Sequence[Vector], number: int) -> list[Vector]:
    """Every SLICES-th vector: each slice holds some of every collection."""
    return list(vectors[number::SLICES])
