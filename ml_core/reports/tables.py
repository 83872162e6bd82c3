"""Tables: for a page and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

Value = str | float | int | bool | None
"""A cell; None and NaN mean that it is undefined."""

UNDEFINED = "–"
"""What a page shows for an undefined number."""


@dataclass(frozen=True)
class Column:
    """A column's head and how its numbers are written.

    Attributes:
        label: The head, without the unit.
        unit: The unit.
        decimals: Decimals of a float; None: four significant digits.
        name: The head in CSV; the label when empty.
    """

    label: str
    unit: str = ""
    decimals: int | None = None
    name: str = ""

    @property
    def title(self) -> str:
        """The label with its unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


@dataclass(frozen=True)
class Table:
    """Rows of values under named columns.

    Attributes:
        columns: The heads.
        rows: The values; every row has one for each column.
        caption: The line above.
        note: The line below.
        strong: Numbers of the rows to stand out.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    note: str = ""
    strong: frozenset[int] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Check that every row fits the columns."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} values, {len(self.columns)} columns: {row}")

    def cells(self) -> list[list[tuple[str, bool]]]:
        """Return each cell's text, and whether it is a number."""
        return [
            [
                (text(value, column.decimals), not isinstance(value, str))
                for column, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]

    def write_csv(self, path: str) -> None:
        """Write the table as CSV (UTF-8, comma, point); an undefined cell is empty."""
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow([column.name or column.title for column in self.columns])
            for row in self.rows:
                writer.writerow(["" if _undefined(value) else value for value in row])


def text(value: object, decimals: int | None = None) -> str:
    """Return a value as a page shows it.

    Args:
        value: Anything; None, NaN and infinities give a dash.
        decimals: Decimals of a float; None: four significant digits.
    """
    if _undefined(value):
        return UNDEFINED
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
