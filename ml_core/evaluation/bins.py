"""Bins of SIC: in percent, in tenths as ice charts count, and the classes of ice charts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bins:
    """Consecutive bins of SIC.

    Attributes:
        name: What the bins are.
        labels: Names, from low to high SIC.
        starts: The lowest SIC in percent of each bin but the first, which begins at the lowest
            SIC there is; a SIC on a start belongs to the upper bin.
    """

    name: str
    labels: tuple[str, ...]
    starts: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, sic_percent: ArrayLike) -> NDArray[np.intp]:
        """Return the bin number of each SIC, of the same shape; NaN has none and must not occur."""
        return np.digitize(np.asarray(sic_percent, np.float64), self.starts)


PERCENT = Bins(
    "SIC bin [%]",
    ("0", *(f"{low + 1}–{low + 10}" for low in range(0, 90, 10)), "91–99", "100"),
    (0.5, *(low + 0.5 for low in range(10, 100, 10)), 99.5),
)
"""0, 1-10, ..., 91-99, 100, of the SIC rounded to whole percent."""

TENTHS = Bins(
    "Tenths",
    ("<1", *(str(tenth) for tenth in range(1, 11))),
    tuple(10.0 * tenth - 5.0 for tenth in range(1, 11)),
)
"""The tenths in which ice charts state the total concentration; a SIC has the nearest."""

CHART = Bins(
    "Chart class",
    (
        "ice free",
        "open water (<1/10)",
        "very open (1–3/10)",
        "open (4–6/10)",
        "close (7–8/10)",
        "very close, compact (9–10/10)",
    ),
    (1.0, 10.0, 35.0, 65.0, 85.0),
)
"""The classes that ice charts colour (WMO/TD-No. 1215), with the names of WMO No. 259."""
