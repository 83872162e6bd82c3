"""Calibration of a fitted network's uncertainty on the ground that it did not see."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from torch import nn

from .. import networks
from ..datasets.polygon_split import PolygonSplit
from ..datasets.scene_data import SceneData
from ..datasets.scene_split import passes
from ..datasets.split import VALIDATION, Split
from ..datasets.training_data import TrainingData
from ..errors import SeaIceError
from ..events import Reporter
from ..observation.observations import Observations
from ..prediction.calibration import (
    DROPOUT,
    ENSEMBLE,
    LEAST_PARTS,
    NETWORK,
    SOURCES,
    Calibrated,
    Cells,
    calibrate,
)
from ..prediction.training_distribution import TrainingDistribution
from ..prediction.uncertainty import DEFAULT_SAMPLES, Sampling, masks_of
from ..raster.grid import Window
from . import experiment
from .config import TrainingConfig
from .device import Device
from .ensemble import joined
from .experiment import Outcome
from .validation import Part, Validator

_MOST_CELLS: Final = 20_000
_MOST_EACH: Final = 300
"""Cells of a block or scene that are kept, evenly spread: they overlap, and more say the same."""

_MOST_PIXELS: Final = 2_000_000

_MOST_COMPARED_PX: Final = 2**23
"""Of larger validation parts, squares spread evenly over them are compared with the reference."""

_SQUARE: Final = 2.0
_GAP: Final = 1.0
"""The ground of a cross-validation's fold is cut into squares of two decorrelation lengths, with a
gap of one between them, across which Gaussian footprints correlate by a quarter."""


@dataclass(frozen=True)
class _Predictors:
    """A fitted network, or an ensemble, with all that its spread is of.

    Attributes:
        network: Networks whose outputs come as channels.
        validator: Compares them with the reference.
        sampling: Which networks they are.
    """

    network: nn.Module
    validator: Validator
    sampling: Sampling

    @classmethod
    def of(cls, config: TrainingConfig, members: Sequence[Outcome], device: Device) -> _Predictors:
        """Return an ensemble, or a single network with those drawn by its dropout if it has one."""
        validator = experiment.validator_of(config, members[0].first, device)
        classes = config.task.classes
        if len(members) > 1:
            sampling = Sampling(ENSEMBLE, len(members), classes)
            return cls(joined(config, members, device), validator, sampling)
        sampling = Sampling(DROPOUT, DEFAULT_SAMPLES, classes)
        try:
            masks = masks_of(config.network, DEFAULT_SAMPLES, config.fit.seed)
        except SeaIceError:
            masks, sampling = None, Sampling(classes=classes)
        state = members[0].first.result.state
        network = networks.restore(config.network, state, masks).to(device.name)
        return cls(network, validator, sampling)


def calibration_of(
    data: TrainingData,
    config: TrainingConfig,
    outcome: Outcome,
    members: Sequence[Outcome],
    device: Device,
    report: Reporter,
) -> dict[str, Any] | None:
    """Return the calibration of a network's uncertainty for its card; None without validation.

    The networks of the first fit predict the validation blocks, those of a cross-validation each
    its own; means over footprints are compared with the reference. What counts as one is a block of
    a scene, a square of a fold's ground, or all scenes of one pass.

    Args:
        data: The scenes.
        config: What was fitted.
        outcome: What came out.
        members: The members of an ensemble, or the outcome alone.
        device: What computes.
        report: Informed of what came out; receives progress 0-1.
    """
    apart = [members] if len(members) > 1 else [[fold] for fold in outcome.fits]
    fitted = [(_Predictors.of(config, group, device), group[0].splits) for group in apart]
    validating = [
        (network, data.scenes[name], split, name)
        for network, splits in fitted
        for name, split in splits.items()
        if split.blocks
    ]
    of_pass = {name: number for number, names in enumerate(passes(data.records)) for name in names}
    pieces: list[Cells] = []
    first = 0
    for number, (network, scene, split, name) in enumerate(validating):
        report.check_cancelled()
        if name in of_pass:
            blocks = [Window(0, 0, *scene.grid.shape)]
            first = of_pass[name]
        else:
            blocks = [*_parts(scene, split, cut=len(apart) > 1)]
        pieces.append(_cells(network, scene, split, blocks, first, len(validating)))
        first += len(blocks)
        report.progress((number + 1) / len(validating))
    cells = Cells.joined(pieces).counting(_MOST_EACH) if pieces else None
    if cells is None or not len(cells):
        return None
    found = calibrate(cells)
    noun = _noun(data, found.parts)
    found = replace(
        found, calibration=replace(found.calibration, reason=_reason(found, noun, len(apart) > 1))
    )
    independent = sum(data.footprints(splits) for _, splits in fitted)
    _log(found, noun, report)
    return {
        **found.calibration.to_dict(),
        "networks": fitted[0][0].sampling.count,
        "parts": found.parts,
        "noun": noun,
        "cells": len(cells),
        "footprints": independent,
        "independent": data.independent_noun,
        "coverage_of_parts_left_out": found.coverage,
        "mean_width_percent": found.width_percent,
        "gains": {source: list(gain) for source, gain in found.gains.items()},
    }


def _noun(data: TrainingData, count: int) -> str:
    """Return what the parts are called that a calibration rests on."""
    noun = data.parts_noun
    if noun == "scenes" and len(passes(data.records)) < len(data.records):
        noun = "passes"
    return noun if count != 1 else {"passes": "pass"}.get(noun, noun[:-1])


def _reason(found: Calibrated, noun: str, folded: bool) -> str:
    """Return why an uncertainty is not calibrated, and what to do; empty where it is.

    Args:
        noun: What the parts are called.
        folded: Whether they are those of a cross-validation.
    """
    if found.parts >= LEAST_PARTS:
        return ""
    remedy = "train on a set of more scenes"
    if not folded:
        remedy = f"train with Cross-validation folds, or {remedy.removeprefix('train ')}"
    return (
        f"only {found.parts} validation {noun} could check it, of at least {LEAST_PARTS}; {remedy}"
    )


def _log(found: Calibrated, noun: str, report: Reporter) -> None:
    calibration = found.calibration
    text = (
        f"Uncertainty: the 90 % interval follows from {SOURCES[calibration.source]} and is"
        f" {found.width_percent:.1f} % SIC wide on average"
    )
    if found.coverage is not None:
        text += f"; it held {100 * found.coverage:.0f} % of {noun} left out"
    for source, (gain, error) in found.gains.items():
        if source != calibration.source:
            text += f"; {SOURCES[source]} would not surely do better"
            text += f" (log likelihood {gain:+.3f} ± {error:.3f})"
    report.info(text)
    if calibration.reason:
        report.warning(f"The uncertainty is not calibrated: {calibration.reason}")


def _parts(data: SceneData, split: Split, *, cut: bool) -> Iterator[Window]:
    """Yield the validation blocks of a scene, those of a fold cut into squares with gaps.

    Args:
        cut: Whether they are the ground of a fold.
    """
    side, gap = (share * data.decorrelation_px for share in (_SQUARE, _GAP))
    for block in split.blocks:
        if not cut:
            yield block
            continue
        rows, cols = (_cuts(length, side, gap) for length in (block.height, block.width))
        for row, height in rows:
            for col, width in cols:
                yield Window(block.row + row, block.col + col, height, width)


def _cuts(length: int, side: float, gap: float) -> list[tuple[int, int]]:
    """Return starts and lengths of as many parts as fit, each at least so long, with gaps."""
    count = max(1, int((length + gap) // (side + gap)))
    each = (length + gap) / count - gap
    return [(round(k * (each + gap)), math.floor(each)) for k in range(count)]


def _cells(
    fitted: _Predictors,
    data: SceneData,
    split: Split,
    blocks: Sequence[Window],
    first: int,
    among: int,
) -> Cells:
    """Return what is known of the validating observations of a scene that lie in some blocks.

    Args:
        blocks: They are numbered.
        first: Number of the first.
        among: Scenes that share what is compared.
    """
    if data.observations is None:
        data = replace(data, observations=_of_pixels(data, split))
    seen, sampling = data.observations, fitted.sampling
    assert seen is not None
    part = Part.of(data, split, VALIDATION).fewer(_MOST_COMPARED_PX / among)
    scales = fitted.validator.task.scales
    found = fitted.validator.observed(fitted.network, part, sampling.total, scales=scales)
    means = found.percent.astype(np.float64)
    drawn = sampling.method == DROPOUT
    sic, spreads = (means[0], {}) if drawn else (means.mean(axis=0), {})
    if sampling.method:
        spreads[sampling.method] = means[drawn:].std(axis=0, ddof=1)
    if scales:
        predicting = found.scale_percent[:1] if drawn else found.scale_percent
        spreads[NETWORK] = predicting.mean(axis=0, dtype=np.float64)
    row, col = seen.row[found.index], seen.col[found.index]
    number = np.full(row.size, -1)
    for k, block in enumerate(blocks):
        inside = (row >= block.row) & (row < block.stop_row)
        inside &= (col >= block.col) & (col < block.stop_col)
        number[inside] = first + k
    if isinstance(split, PolygonSplit):  # what bounds one may hold the middle of another
        of_part = np.flatnonzero(split.roles_of(seen) == VALIDATION)
        number = first + np.searchsorted(of_part, found.index)
    low, high = (bound[found.index].astype(np.float64) for bound in (seen.low, seen.high))
    return Cells(sic, low, high, number, spreads).of(number >= 0)


def _of_pixels(data: SceneData, split: Split) -> Observations:
    """Return validation pixels, evenly thinned, as observations of a reference as fine as these."""
    step = max(1, math.ceil(math.sqrt(split.counts["validation"] / _MOST_CELLS)))
    sic = np.array(data.array[::step, ::step, -1])
    rows, cols = np.nonzero(np.isfinite(sic))
    row, col = rows * step + 0.5, cols * step + 0.5
    return Observations.of_footprints(row, col, sic[rows, cols], None, 1.0)


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
