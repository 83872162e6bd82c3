"""The precision check: bfloat16 or float16 against float32, on the scene itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..events import Reporter
from ..networks import Geometry
from ..raster.grid import Window
from ..raster.radiometry import Floats
from ..rounding import rounded_up
from .runtimes.base import Runtime
from .scene_input import SceneInput

MOST_RMSE_PERCENT = 0.3
"""Largest RMSE in SIC that a lower precision may have in the samples."""

_CORE_PX = 128
_SAMPLES = 2


def exact_enough(
    runtime: Runtime,
    float32: Callable[[], Runtime],
    samples: Sequence[Floats],
    sic: Callable[[Floats], Floats],
    report: Reporter,
) -> Runtime:
    """Return the runtime that may predict a scene: this one, or in float32 where it must be.

    Args:
        runtime: The network.
        float32: Returns the same in float32.
        samples: Inputs (C, h, w), as `samples_of` gives them.
        sic: Returns the SIC in percent (h, w) of an output (O, h, w).
        report: Gets a line with the error that was found.
    """
    if runtime.precision == "float32":
        return runtime
    if not samples:
        return runtime
    exact = float32()
    rmse = rmse_percent(runtime, exact, samples, sic)
    if rmse <= MOST_RMSE_PERCENT:
        report.info(f"{runtime.precision} against float32: RMSE {rmse:.2g} % SIC")
        return runtime
    report.info(
        f"in {runtime.precision} this network would be off by {rmse:.2g} % SIC; it is computed in"
        " float32, at about half the speed"
    )
    return exact


def rmse_percent(
    runtime: Runtime, exact: Runtime, samples: Sequence[Floats], sic: Callable[[Floats], Floats]
) -> float:
    """Return the RMSE in percent SIC of a runtime against one in float32, on some samples."""
    # copied: an output holds until the next call only
    found, wanted = (
        np.stack([sic(one(x[None])[0].copy()) for x in samples]) for one in (runtime, exact)
    )
    return float(np.sqrt(np.mean(np.square(found - wanted))))


def samples_of(scene: SceneInput, geometry: Geometry) -> list[Floats]:
    """Return inputs (C, side, side) along a scene's diagonals that hold data.

    Returns:
        Two; fewer where the scene is too small or too empty.
    """
    multiple = geometry.multiple
    side = rounded_up(_CORE_PX + 2 * geometry.reach_px, multiple)
    if min(scene.shape) < side:
        return []
    places: dict[tuple[int, int], None] = {}  # in order, each once
    for share in (0.5, 0.25, 0.75, 0.1, 0.9):
        for shares in ((share, share), (share, 1 - share)):
            row, col = (
                int((length - side) * part) // multiple * multiple
                for length, part in zip(scene.shape, shares, strict=True)
            )
            places[row, col] = None
    found: list[Floats] = []
    for row, col in places:
        x, valid = scene.read(Window(row, col, side, side))
        if valid.mean() > 0.5:
            found.append(x)
        if len(found) == _SAMPLES:
            break
    return found
