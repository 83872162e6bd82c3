"""The date of an ice chart, as ice services put it into the names of their files."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_STAMP = re.compile(r"(?<!\d)(\d{4})([-_]?)(\d\d)\2(\d\d)(?:[T_]?(\d\d)(\d\d)Z?)?(?!\d)")
"""Such as in cis_SGRDREA_20200101T1800Z_pl_a, 202001011800_CapeFarewell_RIC, 2020-01-01_chart."""

_FIRST_YEAR = 1970


def date_in_name(name: str) -> str:
    """Return the day, or the day and time in UTC, in a file's name, ISO 8601; empty without one."""
    for stamp in _STAMP.finditer(name):
        year, month, day, hour, minute = (int(part or 0) for part in stamp.group(1, 3, 4, 5, 6))
        try:
            found = datetime(year, month, day, hour, minute)
        except ValueError:
            continue
        if _FIRST_YEAR <= found.year <= datetime.now(timezone.utc).year:
            return f"{found:%Y-%m-%dT%H:%M}" if stamp[5] else f"{found:%Y-%m-%d}"
    return ""
