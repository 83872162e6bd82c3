"""The chart of a file as SIC: polygons with their SIGRID-3 codes, or classes of tens of percent."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...raster.radiometry import Floats
from ..icechart.chart import concentrations
from .file import Ai4ArcticFile

_HIGHEST_CLASS = 10
_MASKED = 255


@dataclass
class PolygonTable:
    """SIC of what a file's chart stores: numbers of polygons, or classes.

    Attributes:
        numbers: (N,) rising.
        percent: (3, N) SIC, lowest and highest SIC of each, NaN where a polygon has none.
        notes: What was done to which polygons.
        warnings: What the analyst should look at.
        unlisted: Numbers met in the image that the table does not have.
    """

    numbers: NDArray[np.int64]
    percent: Floats
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unlisted: set[int] = field(default_factory=set)

    def sic_percent(self, stored: Floats) -> Floats:
        """Return the SIC, lowest and highest of stored values (3, ...), NaN where there is none."""
        known = np.isfinite(stored)
        sought = np.where(known, stored, 0).astype(np.int64)
        place = np.minimum(np.searchsorted(self.numbers, sought), self.numbers.size - 1)
        listed = known & (self.numbers[place] == sought)
        self.unlisted.update(np.unique(sought[known & ~listed]).tolist())
        result: Floats = np.where(listed, self.percent[:, place], np.float32(np.nan))
        return result


def classes() -> PolygonTable:
    """Return the table of ready-to-train files: classes 0-10 are tens of percent, 255 is masked.

    The highest class is that of 9+/10 and of 10/10.
    """
    numbers = np.append(np.arange(_HIGHEST_CLASS + 1), _MASKED)
    percent = np.append(10 * np.arange(_HIGHEST_CLASS + 1), np.nan).astype(np.float32)
    bounds = np.stack([percent] * 3)
    bounds[1, _HIGHEST_CLASS] = 90
    return PolygonTable(numbers, bounds)


def read(file: Ai4ArcticFile) -> PolygonTable:
    """Return the table of a raw file.

    Codes mean what they do in the challenge: 9+/10 is 100 %, less than 1/10 is 0 %.

    Raises:
        SeaIceError: The table is missing, or has not the columns.
    """
    names, rows = _rows(file)
    columns = {name.strip().lower(): place for place, name in enumerate(names)}
    number = columns.get("poly_id", columns.get("id"))
    if number is None or "ct" not in columns:
        raise file.error(
            f"polygon_codes begins with {';'.join(names)!r}; a line with poly_id (or id) and CT"
            " expected"
        )
    try:
        numbers = np.array([int(row[number]) for row in rows], np.int64)
    except ValueError as error:
        raise file.error(f"polygon_codes has a polygon without a number ({error})") from error
    codes = np.array([row[columns["ct"]] for row in rows], object)
    kind = columns.get("poly_type")
    types = ["" if kind is None else row[kind].strip().upper()[:1] for row in rows]
    notes: list[str] = []
    warnings: list[str] = []
    every = np.ones(len(rows), bool)
    percent = concentrations(codes, types, every, "ai4arctic", notes, warnings)
    listed, first, count = np.unique(numbers, return_index=True, return_counts=True)
    if listed.size < numbers.size:
        for repeated in listed[count > 1]:
            values = percent[:, numbers == repeated]
            if not np.all(values == values[:, :1]):
                percent[:, numbers == repeated] = np.nan
        warnings.append(
            f"{int((count > 1).sum())} polygons are listed more than once in polygon_codes; where"
            " their concentrations differ, they have no SIC"
        )
    return PolygonTable(listed, percent[:, first], notes, warnings)


def _rows(file: Ai4ArcticFile) -> tuple[list[str], list[list[str]]]:
    """Return the first line of the table and the others, all of its length."""
    stored = file.read(file.variable("polygon_codes"), slice(None))
    if stored.dtype.kind == "S" and stored.ndim == 2:  # characters, not strings
        stored = np.array([b"".join(line.tolist()) for line in stored])
    lines = [
        (line.decode("utf-8", "replace") if isinstance(line, bytes) else str(line)).strip("\0 \n")
        for line in stored.ravel().tolist()
    ]
    table = [line.split(";") for line in lines if line]
    if len(table) < 2:
        raise file.error(
            "polygon_codes has no polygons; a first line of names and one line for each polygon"
            " expected"
        )
    for line, row in zip(filter(None, lines), table, strict=True):
        if len(row) != len(table[0]):
            raise file.error(
                f"polygon_codes has the line {line!r} of {len(row)} fields,"
                f" {len(table[0])} expected as in its first line"
            )
    return table[0], table[1:]
