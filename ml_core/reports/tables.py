"""Values as text: in a page's tables and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence

Value = str | float | int | bool | None
"""A cell; None and NaN mean that it is undefined."""

UNDEFINED = "–"
"""What a page shows for an undefined number."""


def write_csv(path: str, rows: Sequence[Mapping[str, Value]]) -> None:
    """Write rows of like names as CSV (UTF-8, comma, point); an undefined cell is empty."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {name: "" if _undefined(value) else value for name, value in row.items()}
            )


def text(value: object, decimals: int | None = None) -> str:
    """Return a value as a page shows it.

    Args:
        value: Anything; None, NaN and infinities give a dash.
        decimals: Decimals of a float; None: four significant digits.
    """
    if _undefined(value):
        return UNDEFINED
    if isinstance(value, str):
        return value  # as it is: a template may have escaped it already
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        shown = f"{value:,.{decimals}f}" if decimals is not None else f"{value:.4g}"
        if not shown.strip("-0."):
            return shown.lstrip("-")  # minus zero says nothing
        return shown.replace(",", "\u202f").replace("-", "\u2212", 1)  # a hyphen is no minus
    return str(value)


def _undefined(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
