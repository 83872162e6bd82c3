"""NSIDC-0051 and NSIDC-0081 as flat binary: a header of 300 bytes, then one byte per pixel."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from ...errors import SeaIceError
from .polargrids import nsidc_grid
from .product import SicProduct, counted
from .sensors import SMMR_18, SSMI_19, SSMIS_19

HEADER_BYTES = 300

FLAGS = {251: "pole hole", 252: "unused", 253: "coast", 254: "land", 255: "missing"}
"""NSIDC-0051 user guide; the pole hole is larger for SMMR than for SSM/I and SSMIS."""

_FIELDS = 21
_INSTRUMENTS = {"SMMR": SMMR_18, "SSMI": SSMI_19, "SSM/I": SSMI_19, "SSMIS": SSMIS_19}


def sizes() -> dict[int, str]:
    """Return the files' sizes in bytes by hemisphere."""
    grids = {hemisphere: nsidc_grid(hemisphere, 25_000.0) for hemisphere in ("north", "south")}
    return {
        HEADER_BYTES + grid.height * grid.width: hemisphere for hemisphere, grid in grids.items()
    }


def read(path: str) -> SicProduct:
    """Read a file ``nt_*.bin``.

    Raises:
        SeaIceError: The file is truncated or no such file.
    """
    name = Path(path).name
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SeaIceError(f"{path}: cannot be read ({error.strerror})") from error
    hemisphere = sizes().get(len(content))
    if hemisphere is None:
        expected = ", ".join(f"{size} ({where})" for size, where in sizes().items())
        raise SeaIceError(
            f"{name}: {len(content)} bytes, but NSIDC-0051 and NSIDC-0081 binary files have"
            f" {expected}; the file is cut short or another product: download it again, or choose"
            " another format"
        )
    grid = nsidc_grid(hemisphere, 25_000.0)
    header = content[:HEADER_BYTES].decode("ascii", errors="replace")
    fields = [header[6 * k : 6 * k + 5].strip(" \0") for k in range(_FIELDS)]
    if fields[1:3] != [str(grid.width), str(grid.height)]:
        raise SeaIceError(
            f"{name}: the header has {fields[1]} columns and {fields[2]} rows, but the"
            f" {hemisphere} grid has {grid.width} and {grid.height}; the file is damaged or"
            " another product"
        )
    try:
        scale = int(fields[20])
    except ValueError:
        scale = 0
    if scale <= 0:
        raise SeaIceError(
            f"{name}: the header's scale is {fields[20]!r}, 250 expected; the file is damaged"
        )
    raw = np.frombuffer(content, np.uint8, offset=HEADER_BYTES).reshape(grid.shape)
    flagged = raw > scale
    sic = np.where(flagged, np.float32(np.nan), raw.astype(np.float32) * np.float32(100.0 / scale))
    return SicProduct(
        f"NSIDC NASA Team SIC, {hemisphere}, {header[126:150].strip(chr(0) + ' ')}",
        sic,
        grid,
        _INSTRUMENTS.get(fields[9]),
        _date(fields),
        counted(raw[flagged], FLAGS, "flag"),
    )


def _date(fields: list[str]) -> str:
    """Return the header's day, or first and last day of a mean."""
    try:
        new_year = datetime.date(int(fields[17]), 1, 1)
        first, last = int(fields[11]), int(fields[14])
    except ValueError:
        return ""
    days = [new_year + datetime.timedelta(days=day - 1) for day in (first, last)]
    if first == last:
        return days[0].isoformat()
    return "/".join(day.isoformat() for day in days)
