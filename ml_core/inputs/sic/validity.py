"""The period that a NetCDF file's field is of: its one time is often the middle of a day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import netCDF4
import numpy as np

_COVERAGE = (
    ("time_coverage_start", "time_coverage_end"),  # ACDD
    ("start_date", "stop_date"),  # OSI SAF
)

_LENGTHS = ("time_coverage_resolution", "time_coverage_duration", "time_resolution")
"""Attributes that may say that a file is of a day; the last is CERSAT's."""

_DAY = timedelta(days=1)
_LONGEST = 31 * _DAY
"""A coverage beyond a month is that of a whole series."""


def validity(dataset: Any, axis: str, step: int, date: str) -> str:
    """Return the period of a field: a day, days or times with a / between, or its date.

    By the bounds of its time (CF Conventions 7.1), else, of a file of one time, by the file's
    attributes.

    Args:
        dataset: An open netCDF4.Dataset.
        axis: Name of the dimension and variable of time.
        step: Place of the field along it.
        date: Its date or time, ISO 8601; may be empty.
    """
    variable = dataset.variables.get(axis)
    periods = [*_bounds(dataset, variable, step)]
    if variable is None or variable.size <= 1:
        periods += _coverage(dataset)
    for start, stop in periods:
        if start < stop <= start + _LONGEST:
            return _text(start, stop)
    lengths = {str(getattr(dataset, name, "")).lower() for name in _LENGTHS}
    return date[:10] if lengths & {"daily", "p1d", "1 day"} else date


def _bounds(dataset: Any, variable: Any, step: int) -> Iterator[tuple[datetime, datetime]]:
    bounds = dataset.variables.get(str(getattr(variable, "bounds", "")))
    if bounds is None or bounds.shape[1:] != (2,) or step >= bounds.shape[0]:
        return
    calendar = str(getattr(variable, "calendar", "standard"))
    try:
        moments: Any = netCDF4.num2date(np.asarray(bounds[step]), variable.units, calendar)
        yield _moment(str(moments[0])), _moment(str(moments[1]))
    except (AttributeError, ValueError, OverflowError):
        return


def _coverage(dataset: Any) -> Iterator[tuple[datetime, datetime]]:
    for first, last in _COVERAGE:
        try:
            yield (
                _moment(str(getattr(dataset, first, ""))),
                _moment(str(getattr(dataset, last, ""))),
            )
        except ValueError:
            continue


def _moment(text: str) -> datetime:
    """Return a time to the second; UTC, as all of these products have it.

    Raises:
        ValueError: The text is none.
    """
    parts = re.match(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d))?)?", text.strip())
    if not parts:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups())
    return datetime(year, month, day, hour, minute, second)


def _text(start: datetime, stop: datetime) -> str:
    if stop.second == 59:  # of a day that ends at 23:59:59
        stop += timedelta(seconds=1)
    if start.time() == stop.time() == datetime.min.time():
        first, last = start.date(), (stop - _DAY).date()
        return first.isoformat() if first == last else f"{first}/{last}"
    return f"{start:%Y-%m-%dT%H:%M}/{stop:%Y-%m-%dT%H:%M}"
