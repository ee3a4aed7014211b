"""Pillarbox beside Roundcube, in one run on one machine, with the same mail of the same server and the same harness."""
