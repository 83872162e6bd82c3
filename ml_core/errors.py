"""Errors that an analyst can act on."""

from __future__ import annotations


class SeaIceError(Exception):
    """Something the analyst can fix: what was found, what was expected, what to do.

    Anything else that escapes a run is a bug and is reported with its traceback.
    """


class JobError(SeaIceError):
    """A job's parameters are missing, malformed, out of bounds or contradict each other."""


class CancelledError(Exception):
    """The run was cancelled; raised where work can stop cleanly, once per tile or batch."""
