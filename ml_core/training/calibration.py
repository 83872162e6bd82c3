"""Calibration of a fitted network's uncertainty on the ground that it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from torch import nn

from .. import networks
from ..datasets.scene_data import SceneData
from ..datasets.training_data import TrainingData
from ..errors import SeaIceError
from ..events import Reporter
from ..networks.output import sic_of_each
from ..observation.footprint import FootprintFields
from ..prediction.calibration import LEAST_CELLS, LEVEL, Calibration, Cells, calibrate, hold_out
from ..prediction.training_distribution import TrainingDistribution
from ..prediction.uncertainty import DEFAULT_SAMPLES, DROPOUT, ENSEMBLE, masks_of
from ..raster.grid import Window
from . import experiment
from .config import TrainingConfig
from .device import Device
from .ensemble import joined
from .experiment import Outcome
from .validation import Part, Validator

_MARGIN: Final = 1.5
"""Footprints around a validation block that are predicted too, for the means at its border."""

_MOST_CELLS: Final = 20_000
_MOST_PIXELS: Final = 2_000_000
_TILE_PX: Final = 256

_MOST_COMPARED_PX: Final = 2**23
"""Of larger validation parts, squares spread evenly over them are compared with the reference."""

_SQUARE: Final = 8
"""Side of these squares in footprints: the margins around them cost as much again."""

_MOST_GROUPS: Final = 20
"""More blocks are left out several at a time to check a calibration."""


@dataclass(frozen=True)
class _Samples:
    """Networks that might as well be right.

    Attributes:
        network: All of them, as one whose outputs come as channels.
        validator: Compares it with the reference.
        method: ``dropout`` or ``ensemble``.
        count: How many their spread is of.
    """

    network: nn.Module
    validator: Validator
    method: str
    count: int

    @classmethod
    def of(cls, config: TrainingConfig, members: Sequence[Outcome], device: Device) -> _Samples:
        """Return an ensemble's members, or networks drawn by the dropout of a single one.

        Raises:
            SeaIceError: There is no dropout to draw by.
        """
        validator = experiment.validator_of(config, members[0].first, device)
        if len(members) > 1:
            return cls(joined(config, members, device), validator, ENSEMBLE, len(members))
        masks = masks_of(config.network, DEFAULT_SAMPLES, config.fit.seed)
        state = members[0].first.result.state
        network = networks.restore(config.network, state, masks).to(device.name)
        return cls(network, validator, DROPOUT, DEFAULT_SAMPLES)


def calibration_of(
    data: TrainingData,
    config: TrainingConfig,
    outcome: Outcome,
    members: Sequence[Outcome],
    device: Device,
    report: Reporter,
) -> dict[str, Any] | None:
    """Return the calibration of a network's uncertainty for its card; None where it has none.

    The networks of the first fit predict the validation blocks, those of a cross-validation each
    its own; means over footprints are compared with the reference.

    Args:
        data: The scenes.
        config: What was fitted.
        outcome: What came out.
        members: The members of an ensemble, or the outcome alone.
        device: What computes.
        report: Informed of what came out; receives progress 0-1.
    """
    apart = [members] if len(members) > 1 else [[fold] for fold in outcome.fits]
    try:
        sampled = [(_Samples.of(config, fitted, device), fitted[0].splits) for fitted in apart]
    except SeaIceError:
        return None
    blocks = [
        (samples, data.scenes[name], block)
        for samples, splits in sampled
        for name, split in splits.items()
        for block in split.blocks
    ]
    parts = _all_compared(blocks, report)
    group = np.repeat(np.arange(len(parts)), [part.error_percent.size for part in parts])
    if group.size < LEAST_CELLS:
        return None
    thin = slice(None, None, -(-group.size // _MOST_CELLS))
    cells = Cells.joined(parts).part(thin)
    found, held_out = calibrate(cells), hold_out(cells, group[thin] % _MOST_GROUPS)
    # never narrower: that blocks agree by chance is no knowledge
    widened = max(1.0, held_out.factor) if held_out else 1.0
    final = found.wider(widened)
    noun, method = data.parts_noun, sampled[0][0].method
    bare = cells.coverage(Calibration())
    independent = sum(data.footprints(splits) for _, splits in sampled)
    report.info(
        f"Uncertainty by {method}: the 90 % interval held"
        f" {100 * bare:.0f} % of the validation cells before calibration"
        + (
            f", and there was one {noun[:-1]} only, so that none could check it"
            if held_out is None
            else f", {100 * held_out.coverage:.0f} % of {noun} left out after it, so it was made"
            f" {widened:.2f} times as wide"
        )
        + f" ({independent:.0f} independent footprints)"
        + final.note
    )
    return {
        "method": method,
        "networks": sampled[0][0].count,
        "level": LEVEL,
        "scale": final.scale,
        "floors_percent": list(final.floors_percent),
        "widened": widened,
        "cells": int(cells.error_percent.size),
        "footprints": independent,
        "coverage_before": bare,
        "coverage_after": cells.coverage(final),
        "held_out": noun,
        "coverage_of_blocks_left_out": held_out.coverage if held_out else None,
    }


def _all_compared(
    blocks: Sequence[tuple[_Samples, SceneData, Window]], report: Reporter
) -> list[Cells]:
    """Return what is known of the cells of each block, or of squares spread over all of them."""
    area = sum(block.height * block.width for *_, block in blocks)
    every = max(1, -(-area // _MOST_COMPARED_PX))
    found, before = [], 0
    for number, (samples, data, block) in enumerate(blocks):
        report.progress(number / len(blocks))
        side = max(_TILE_PX, round(_SQUARE * data.footprint_px))
        squares = [block] if every == 1 else list(block.blocks(side))
        chosen = squares[-before % every :: every]
        before += len(squares)
        if chosen:
            found.append(Cells.joined([_compared(data, one, samples, report) for one in chosen]))
    return found


def _compared(data: SceneData, block: Window, samples: _Samples, report: Reporter) -> Cells:
    """Return what is known of the cells of a validation block."""
    margin = round(_MARGIN * data.footprint_px)
    inside = block.grown(margin).clipped(*data.grid.shape)
    dropout = samples.method == DROPOUT
    total = samples.count + dropout
    fields = FootprintFields((inside.height, inside.width), total, data.footprint_px)
    classes = samples.validator.task.classes
    for tile in samples.validator.tiles(samples.network, Part.of(data, [inside])):
        report.check_cancelled()
        place = tile.window.moved(-inside.row, -inside.col)
        fields.add(place, sic_of_each(tile.output, tile.valid, total, classes), tile.valid)
    means, valid = fields.means()
    map_, spread_of = (means[0], means[1:]) if dropout else (means.mean(axis=0), means)
    # a reference's value is a footprint's mean already: take it where each cell's centre lies
    side = fields.cell_px
    rows, cols = (
        np.minimum(np.arange(n) * side + side // 2, limit - 1)
        for n, limit in zip(valid.shape, (inside.height, inside.width), strict=True)
    )
    rows, cols = rows + inside.row, cols + inside.col
    reference = data.array[..., -1][np.ix_(rows, cols)]
    in_block = np.outer(
        (rows >= block.row) & (rows < block.stop_row), (cols >= block.col) & (cols < block.stop_col)
    )
    keep = valid & np.isfinite(reference) & in_block
    columns = (map_ - reference, spread_of.std(axis=0, ddof=1), spread_of.mean(axis=0))
    error, spread, sic = (column[keep].astype(np.float64) for column in columns)
    return Cells(error, spread, sic)


def training_distribution_of(scenes: Sequence[SceneData]) -> dict[str, Any] | None:
    """Return the pixels that the network learnt from, for its card."""
    most = _MOST_PIXELS // len(scenes)
    parts = []
    for data in scenes:
        height, width = data.grid.shape
        rows = np.array(data.array[:: max(1, height * width // most)])  # (h, W, C + 1)
        parts.append(rows[np.isfinite(rows[..., -1])][:, :-1])
    found = TrainingDistribution.of(np.concatenate(parts), scenes[0].channels)
    return found.to_dict() if found else None
