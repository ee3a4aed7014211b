"""Tests of Pillarbox. The folders mirror the packages."""
