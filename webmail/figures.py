"""Figures for Prometheus in its text format, of all processes that serve pages together.

What tells of the installation is counted from rows (`INSTALLATION`; the panel registers it there). What a process counts itself lies
in files of a directory that they share, when PROMETHEUS_MULTIPROC_DIR names one (`workers.pages`); else there is one process.
"""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

INSTALLATION: Final = CollectorRegistry()


def written_figures() -> bytes:
    """All of them, for an answer of type `prometheus_client.CONTENT_TYPE_LATEST`."""
    return generate_latest(_of_processes()) + generate_latest(INSTALLATION)


def _of_processes() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared
