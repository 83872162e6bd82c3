"""Ensembles: several networks that differ by their first weights, chips and dropout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import networks
from ..datasets.scene_data import Scenes
from ..datasets.split import Splits
from ..events import Reporter
from . import experiment
from .config import TrainingConfig
from .device import Device
from .experiment import Outcome

_SEEDS_APART = 1000
"""Between the seeds of an ensemble's members."""


def fit_ensemble(
    scenes: Scenes,
    config: TrainingConfig,
    first: Outcome,
    size: int,
    full: Splits | None,
    device: Device,
    report: Reporter,
) -> tuple[Outcome, list[Outcome]]:
    """Fit the other members of an ensemble and score all together.

    Args:
        first: The first member.
        size: Members in all.
        full: What each is fitted again on; None: it is not.

    Returns:
        The first member with the ensemble's errors in place of its own, and all members.
    """
    members = [first]
    for number in range(1, size):
        part = report.part((number - 1) / (size - 1), number / (size - 1))
        seeded = config.with_seed(config.fit.seed + number * _SEEDS_APART)
        member = experiment.run(scenes, seeded, first.splits, device, part, full)
        members.append(member)
        if member.validation:
            report.info(
                f"Member {number + 1} of {size}: RMSE {member.rmse_percent:.1f} % SIC on validation"
            )
    network = joined(config, members, device)

    return experiment.scored(first, network, config, device, scenes, report, size), members


class _Joined(nn.Module):
    """Several networks whose outputs come as channels (B, K * O, H, W)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self._members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([member(x) for member in self._members], dim=1)


def joined(config: TrainingConfig, members: Sequence[Outcome], device: Device) -> nn.Module:
    """Return the networks of the members' first fits, which did not see the validation part."""
    restored = [networks.restore(config.network, member.first.result.state) for member in members]
    return _Joined(restored).to(device.name).eval()
