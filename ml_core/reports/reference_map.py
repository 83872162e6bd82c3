"""What a network was taught, in a picture: reference values over HH, and what each was used for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..datasets.scene_data import SceneData
from ..datasets.split import BUFFER, TRAINING, VALIDATION, Split
from ..observation.footprint import FootprintFields
from ..observation.observations import LEAST_JUDGED, Observations
from ..observation.support import LEAST_COVER
from . import colours
from .figures import Picture
from .maps import Panel, Places, maps, reduced

USES: Final[tuple[tuple[str, str], ...]] = (
    ("training", "#0b5cad"),
    ("validation", "#d1600a"),
    ("left out: buffer", "#8a3ea8"),
    ("left out: not asked for", "#7a4f2b"),
    ("left out: footprint covered too little", "#111111"),
)
"""What a reference value is used for, and its colour."""

_TRAINS, _VALIDATES, _BUFFER, _UNUSED, _HIDDEN = range(len(USES))

_BLOCK_PX: Final = 1024
_CIRCLES_APART: Final = 2
"""Footprints from circle to circle: HH stays visible between them."""

_MOST_ACROSS: Final = 16
"""Circles along the longer side of the picture."""

_READ_PX, _DRAWN_PX = 1600, 400


def uses(data: SceneData, seen: Observations, split: Split, *, observes: bool) -> NDArray[np.int64]:
    """Return what a scene's observations are used for (N,), as numbers in `USES`.

    Args:
        data: The scene.
        seen: Its observations.
        split: Its parts.
        observes: Whether the network was compared with the observations themselves: half of their
            ground then has to have backscatter. Those that validate need nearly all of it.
    """
    roles = split.roles_of(seen)
    found = np.full(len(seen), _UNUSED)
    found[roles == TRAINING], found[roles == VALIDATION] = _TRAINS, _VALIDATES
    found[roles == BUFFER] = _BUFFER
    if not seen.are_polygons:
        cover = _cover(data, seen)
        least = np.array([LEAST_COVER if observes else 0.0, LEAST_JUDGED, 0, 0, 0])
        found[cover < least[found]] = _HIDDEN
    return found


def _cover(data: SceneData, seen: Observations) -> NDArray[np.floating]:
    """Return the share of each footprint that has backscatter (N,)."""
    fields = FootprintFields(data.grid.shape, 1, seen.footprint_px)
    for window in data.grid.window.blocks(_BLOCK_PX):
        visible = np.isfinite(data.array[window.slices][..., 0])
        fields.add(window, visible[None].astype(np.float32), visible)
    return fields.means_at(seen.row, seen.col)[1]


def draw(data: SceneData, splits: Sequence[Split], *, observes: bool) -> Picture:
    """Draw the observations of a scene over HH: by SIC, and by what they were used for.

    Args:
        data: The scene; it has observations.
        splits: Its split, or those of the folds of a cross-validation.
        observes: As in `uses`.
    """
    seen = data.observations
    assert seen is not None
    used = [uses(data, seen, split, observes=observes) for split in splits]
    if len(splits) == 1:
        value, classes = used[0], USES
    else:
        names = [f"validation in fold {number}" for number in range(1, len(splits) + 1)]
        shades = (colours.SERIES[k % len(colours.SERIES)] for k in range(len(splits)))
        classes = (*zip(names, shades, strict=True), ("never validates", USES[_HIDDEN][1]))
        value = np.full(len(seen), len(splits))
        for number, of_fold in enumerate(used):
            value[of_fold == _VALIDATES] = number
    counts = np.bincount(value, minlength=len(classes))
    legend = tuple(
        (f"{name} ({count})", colour)
        for (name, colour), count in zip(classes, counts, strict=True)
        if count
    )
    longest = max(data.grid.shape)
    step = max(1, longest // _READ_PX)  # of a large scene not all is read
    hh_db = reduced(data.array[::step, ::step, 0], _DRAWN_PX)
    size_px = step * math.ceil(longest / step / _DRAWN_PX)
    height_m, width_m = data.grid.nominal_pixel_size_m
    radius = seen.footprint_px / 2 if not seen.are_polygons else np.sqrt(seen.area_px / math.pi)
    radius_px = np.broadcast_to(radius, len(seen)) / size_px
    some = spread(seen, longest / _MOST_ACROSS)
    row, col = seen.row / size_px, seen.col / size_px

    def places(
        values: NDArray[np.floating | np.integer], scale: colours.Scale, *more: tuple[str, str]
    ) -> Places:
        return Places(row, col, values, scale, radius_px, some, legend=more)

    grey = colours.faint_backscatter(hh_db)
    return maps(
        [
            Panel(hh_db, "Reference values", grey, over=places(seen.percent, colours.sic())),
            Panel(
                hh_db,
                "What they were used for",
                grey,
                over=places(value, colours.categories("", classes), *legend),
            ),
        ],
        (size_px * height_m, size_px * width_m),
        columns=2,
    )


def spread(seen: Observations, least_px: float) -> NDArray[np.int64]:
    """Return the numbers of observations that are some footprints apart, and a given distance."""
    side = max(_CIRCLES_APART * seen.footprint_px, least_px)
    if seen.are_polygons:
        return np.arange(len(seen))
    row, col = (np.floor(at / side) for at in (seen.row, seen.col))
    off = np.hypot(seen.row - (row + 0.5) * side, seen.col - (col + 0.5) * side)
    order = np.argsort(off, kind="stable")
    _, first = np.unique(np.stack([row, col])[:, order], axis=1, return_index=True)
    return np.sort(order[first])
