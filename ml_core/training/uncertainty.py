"""What a fitted network's file says of its uncertainty: ensembles, calibration, and its domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor, nn

from .. import networks
from ..errors import SeaIceError
from ..events import Reporter
from ..networks.module import PlannedNetwork
from ..prediction.calibration import (
    LEAST_CELLS,
    LEVEL,
    Calibration,
    Cells,
    calibrate,
    hold_out,
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
    blocks = [
        _compared(data, judged_by, network, block, split, method, count) for block in split.blocks
    ]
    group = np.repeat(np.arange(len(blocks)), [block.error_percent.size for block in blocks])
    if group.size < LEAST_CELLS:
        return None
    every = slice(None, None, -(-group.size // _MOST_CELLS))
    cells, group = Cells.joined(blocks).part(every), group[every]
    found, held_out = calibrate(cells), hold_out(cells, group)
    # never narrower: that blocks agree by chance is no knowledge
    widened = max(1.0, held_out.factor) if held_out else 1.0
    before = cells.coverage(Calibration())
    footprints = data.footprints(split.counts["validation"])
    report.info(
        f"Uncertainty by {method}: the 90 % interval held {100 * before:.0f} % of the validation"
        " cells before calibration"
        + (
            ", and there was one block only, so that none could check it"
            if held_out is None
            else f", {100 * held_out.coverage:.0f} % of blocks left out after it, so it was made"
            f" {widened:.2f} times as wide"
        )
        + f" ({footprints:.0f} independent footprints)"
    )
    final = found.wider(widened)
    return {
        "method": method,
        "networks": count,
        "level": LEVEL,
        "scale": final.scale,
        "floors_percent": list(final.floors_percent),
        "widened": widened,
        "cells": int(group.size),
        "footprints": footprints,
        "coverage_before": before,
        "coverage_after": cells.coverage(final),
        "coverage_of_blocks_left_out": held_out.coverage if held_out else None,
    }


def _compared(
    data: TrainingData,
    judged_by: Judge,
    network: nn.Module,
    block: Window,
    split: Split,
    method: str,
    count: int,
) -> Cells:
    """Return what is known of the cells of a validation block."""
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
    columns = (map_ - reference, samples.std(axis=0, ddof=1), samples.mean(axis=0))
    error, spread, sic = (column[keep].astype(np.float64) for column in columns)
    return Cells(error, spread, sic)


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
