"""What a fitted network's file says of its uncertainty: ensembles, calibration, and its domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .. import networks
from ..errors import SeaIceError
from ..events import Reporter
from ..networks.module import PlannedNetwork
from ..prediction.calibration import (
    LEAST_CELLS,
    LEVEL,
    Calibration,
    calibrate,
    coverage,
    held_out_coverage,
)
from ..prediction.domain import Domain
from ..prediction.torch_runtime import Sampled
from ..prediction.uncertainty import DEFAULT_SAMPLES, DROPOUT, ENSEMBLE, masks_of
from ..raster.footprint import FootprintFields
from ..raster.grid import Window
from . import experiment
from .device import Device
from .experiment import Outcome
from .judgement import beside_baselines, judge
from .plan import Plan
from .scene import TrainingData
from .split import Split
from .tasks import Floats, Task
from .validation import Judge, Part

_MARGIN: Final = 1.5
"""Footprints around a validation block that are predicted too, for the means at its border."""

_MOST_CELLS: Final = 20_000
_MOST_PIXELS: Final = 2_000_000
_TILE_PX: Final = 256

_SEEDS_APART: Final = 1000
"""Between the seeds of an ensemble's members."""


class _Every(nn.Module):
    """Several networks whose outputs come as channels (B, K * O, H, W)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self._members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([member(x) for member in self._members], dim=1)


@dataclass(frozen=True)
class _MeanOf:
    """The part of a task that judging an ensemble needs: the mean of its members' SIC."""

    task: Task
    count: int

    def sic_percent(self, output: Floats) -> Floats:
        mean: Floats = _sics(self.task, output, self.count).mean(axis=0)
        return mean


def _sics(task: Task, output: Floats, count: int) -> Floats:
    """Return the SIC (K, h, w) of outputs (K * O, h, w)."""
    sics: Floats = np.stack([task.sic_percent(one) for one in np.split(output, count)])
    return sics


def fit_members(
    data: TrainingData,
    plan: Plan,
    first: Outcome,
    count: int,
    device: Device,
    report: Reporter,
) -> tuple[Outcome, list[Outcome]]:
    """Fit the other members of an ensemble and judge all together.

    Args:
        data: The scene.
        plan: What to fit and how.
        first: The first member.
        count: Members in all.
        device: What computes.
        report: Receives progress 0-1.

    Returns:
        The first member with the ensemble's errors in place of its own, and all members.
    """
    members = [first]
    for number in range(1, count):
        part = report.part((number - 1) / (count - 1), number / (count - 1))
        seeded = replace(plan.fit, seed=plan.fit.seed + number * _SEEDS_APART)
        member = experiment.run(data, replace(plan, fit=seeded), first.split, device, part)
        members.append(member)
        if member.validation and member.validation.scores.rmse_percent is not None:
            report.info(
                f"Member {number + 1} of {count}: RMSE"
                f" {member.validation.scores.rmse_percent:.1f} % SIC on validation"
            )
    task = cast(Task, _MeanOf(plan.task, count))  # judging asks for no more of it
    network, judged_by = _all(data, plan, members, device)
    whole = Part.of([data.grid.window], first.split.training)
    training = judge(judged_by.tiles(network, whole), data, task)
    validation = None
    if first.split.blocks:
        held_out = Part.of(first.split.blocks, first.split.validation)
        validation = judge(judged_by.tiles(network, held_out), data, task)
    beside = beside_baselines(validation, data, first.split) if validation else {}
    return replace(first, training=training, validation=validation, baselines=beside), members


def _all(
    data: TrainingData, plan: Plan, members: Sequence[Outcome], device: Device
) -> tuple[nn.Module, Judge]:
    """Return the members' first fits, which did not see the validation part, and their judge."""
    networks_ = [networks.restore(plan.network, member.first.state) for member in members]
    scaling = experiment.scaling_of(data, plan, members[0].split)
    shape = networks.geometry(plan.network)
    return (
        _Every(networks_).to(device.name).eval(),
        Judge(data.store, scaling, shape, device, plan.task),
    )


def calibration_of(
    data: TrainingData, plan: Plan, members: Sequence[Outcome], device: Device, report: Reporter
) -> dict[str, Any] | None:
    """Return the calibration of a network's uncertainty for its card; None where it has none.

    The networks of the first fit predict the validation blocks; means over footprints are compared
    with the reference.

    Args:
        data: The scene.
        plan: What was fitted.
        members: The network, or the members of an ensemble.
        device: What computes.
        report: Told what came out.
    """
    split = members[0].split
    if not split.blocks:
        return None
    network, judged_by = _all(data, plan, members, device)
    method, count = ENSEMBLE, len(members)
    if count == 1:
        try:
            masks = masks_of(plan.network, DEFAULT_SAMPLES, plan.fit.seed)
        except SeaIceError:
            return None
        single = networks.restore(plan.network, members[0].first.state)
        network = Sampled(cast(PlannedNetwork, single), masks).to(device.name).eval()
        method, count = DROPOUT, DEFAULT_SAMPLES
    columns = [
        _compared(data, judged_by, network, block, split, method, count) for block in split.blocks
    ]
    error, spread = (np.concatenate([pair[i] for pair in columns]) for i in (0, 1))
    group = np.repeat(np.arange(len(columns)), [pair[0].size for pair in columns])
    if error.size < LEAST_CELLS:
        return None
    every = -(-error.size // _MOST_CELLS)
    error, spread, group = error[::every], spread[::every], group[::every]
    found = calibrate(error, spread)
    held_out = held_out_coverage(error, spread, group)
    before = coverage(error, spread, Calibration())
    footprints = data.footprints(split.counts["validation"])
    report.info(
        f"Uncertainty by {method}: the 90 % interval held {100 * before:.0f} % of the validation"
        " cells before calibration"
        + ("" if held_out is None else f", {100 * held_out:.0f} % of blocks left out after it")
        + f" ({footprints:.0f} independent footprints)"
    )
    return {
        "method": method,
        "networks": count,
        "level": LEVEL,
        "scale": found.scale,
        "floor_percent": found.floor_percent,
        "cells": int(error.size),
        "footprints": footprints,
        "coverage_before": before,
        "coverage_after": coverage(error, spread, found),
        "coverage_of_blocks_left_out": held_out,
    }


def _compared(
    data: TrainingData,
    judged_by: Judge,
    network: nn.Module,
    block: Window,
    split: Split,
    method: str,
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return error and spread in percent, (N,) each, at the cells of a validation block."""
    margin = round(_MARGIN * data.footprint_px)
    area = Window(
        block.row - margin, block.col - margin, block.height + 2 * margin, block.width + 2 * margin
    )
    inside = area.clipped(*data.grid.shape)
    total = count + (method == DROPOUT)
    fields = FootprintFields((inside.height, inside.width), total, data.footprint_px)
    tiles = Part(tuple(_tiles(inside)), lambda window: np.ones((window.height, window.width), bool))
    for tile in judged_by.tiles(network, tiles):
        place = Window(
            tile.window.row - inside.row,
            tile.window.col - inside.col,
            tile.window.height,
            tile.window.width,
        )
        fields.add(place, _sics(judged_by.task, tile.output, total), tile.valid)
    means, valid = fields.means()
    map_, samples = (means[0], means[1:]) if method == DROPOUT else (means.mean(axis=0), means)
    # a reference's value is a footprint's mean already: take it where each cell's centre lies
    side = fields.cell_px
    rows, cols = (
        np.minimum(np.arange(n) * side + side // 2, limit - 1)
        for n, limit in zip(valid.shape, (inside.height, inside.width), strict=True)
    )
    at = np.ix_(rows + inside.row, cols + inside.col)
    reference = data.store[..., -1][at]
    keep = valid & np.isfinite(reference) & split.validation(inside)[np.ix_(rows, cols)]
    error = (map_ - reference)[keep].astype(np.float64)
    return error, samples.std(axis=0, ddof=1)[keep].astype(np.float64)


def _tiles(area: Window) -> list[Window]:
    return [
        Window(row, col, min(_TILE_PX, area.stop_row - row), min(_TILE_PX, area.stop_col - col))
        for row in range(area.row, area.stop_row, _TILE_PX)
        for col in range(area.col, area.stop_col, _TILE_PX)
    ]


def domain_of(data: TrainingData) -> dict[str, Any] | None:
    """Return the pixels that the network learnt from, for its card."""
    height, width = data.grid.shape
    step = max(1, height * width // _MOST_PIXELS)
    rows = np.array(data.store[::step])  # (h, W, C + 1)
    rows = rows[np.isfinite(rows[..., -1])]
    found = Domain.of(rows[:, :-1], data.channels)
    return found.to_dict() if found else None
