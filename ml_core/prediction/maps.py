"""The maps of a prediction, written tile by tile: SIC, classes, and what uncertainty is made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from ..checkpoint import ModelCard
from ..raster.grid import Grid
from ..raster.tiles import strips
from ..raster.writing import BandInfo, RasterWriter
from .classmap import ClassMap, most_likely
from .tiled import Predicted
from .uncertainty import IntervalMap, Sampling

_BLOCK_PX = 256
"""Side of the maps' blocks."""


class PredictedMaps:
    """What networks predict on a scene; use as a context manager.

    Args:
        paths: Files to write, usually staged ones: ``output``, and ``class_map`` and
            ``uncertainty`` where they are wanted.
        grid: The scene's grid.
        card: The network.
        sampling: Which networks the output is of.
        tags: Metadata of the files.
        compression: Of the map of SIC.

    Attributes:
        intervals: What the map of uncertainty is made of; None where none is wanted.
        count: Pixels that were predicted so far.

    Raises:
        SeaIceError: A file cannot be written.
    """

    def __init__(
        self,
        paths: Mapping[str, str],
        grid: Grid,
        card: ModelCard,
        sampling: Sampling,
        tags: dict[str, str],
        compression: str,
    ) -> None:
        self._sampling = sampling
        self.intervals = IntervalMap(grid, card, sampling) if "uncertainty" in paths else None
        self.count, self._total = 0, 0.0
        self._classes: ClassMap | None = None
        with ExitStack() as stack:
            self._sic = stack.enter_context(
                RasterWriter(
                    paths["output"],
                    grid,
                    [BandInfo("Sea-ice concentration", "%")],
                    tags=tags,
                    compression=compression,
                    block_px=_BLOCK_PX,
                )
            )
            if "class_map" in paths and sampling.classes is not None:
                self._classes = ClassMap(
                    paths["class_map"], grid, sampling.classes, tags, _BLOCK_PX
                )
                stack.enter_context(self._classes)
            self._stack = stack.pop_all()

    def __enter__(self) -> PredictedMaps:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    @property
    def mean_sic(self) -> float:
        """Mean SIC in percent of the pixels that were predicted, at least one."""
        return self._total / self.count

    def add(self, predicted: Predicted) -> None:
        """Add the networks' output for a tile, which is overwritten."""
        window, valid = predicted.window, predicted.valid
        sic, samples = self._sampling.maps(predicted.output, valid)
        if self.intervals is not None:
            self.intervals.add(window, sic, samples, valid)
        for rows in strips(valid.shape):
            known = sic[rows] if valid[rows].all() else sic[rows][valid[rows]]
            self._total += float(known.sum())
            self.count += known.size
        self._sic.write(window, sic)
        if self._classes is not None:
            members = self._sampling.members(predicted.output)
            self._classes.write(window, most_likely(members, valid))
