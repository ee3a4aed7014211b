"""Which lane a run is: `make faults` is the full one, `make test` the fast one."""

import os

import pytest

IS_FULL = bool(os.environ.get("PILLARBOX_FAULT_FULL"))
full_lane_only = pytest.mark.skipif(not IS_FULL, reason="minutes long: make faults, or PILLARBOX_FAULT_FULL=1")
