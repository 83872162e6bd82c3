"""The fit: a network's weights made to match the labels of chips."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from ..ahead import computed_ahead
from ..datasets.batch import Batch
from ..errors import SeaIceError
from ..events import Reporter
from .device import Device
from .initial_weights import is_frozen
from .losses import DataLoss, Targets, l1_term, l2_term, penalised

Draw = Callable[[int, np.random.Generator], Batch]
"""Returns a batch of so many chips."""

Validate = Callable[[nn.Module], float]
"""Returns the data loss of a network, in evaluation mode, on the validation part."""

_RISE, _FIRST, _LAST = 0.3, 0.04, 1e-3
"""The learning rate's cycle (Smith and Topin 2018, "Super-convergence"): share of the steps until
its peak; first and last rate as shares of the peak."""

_SETTLED: Final = 0.857
"""After this share of the steps the learning rate has come down to a tenth of its peak."""

_STATISTICS_BATCHES: Final = 20
"""Batch norm's statistics are means over an epoch where it has at least so many batches."""

_MOMENTUM: Final = 0.1
"""Weight of the last batch in the running mean otherwise: torch's default."""

_EPSILON: Final = 1e-4
"""Added to the root of Adam's second moment, of the order of a weight's gradient.

With torch's 1e-8, weights whose gradient has been small for long take a step several times the
learning rate as soon as it is not: on some seeds the loss then rose by an order of magnitude in the
middle of the cycle. Runs of 300 steps on the tests' real scene, all of a fold without validation
(two folds, three seeds): RMSE 11.6 with 1e-8, 10.8 with 1e-5, 10.2 with 1e-4, 10.3 % SIC with 1e-3.
"""


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Attributes:
        epochs: Length of the learning rate's cycle, in epochs.
        chips_per_epoch: Chips in an epoch.
        batch_size: Chips in a step.
        learning_rate: Peak of the learning rate.
        l2: Lambda of the sum of squared weights.
        l1: Lambda of the sum of the weights' moduli.
        patience: The fit stops when validation has not improved for so many epochs, counted once
            the learning rate has come down; 0: never.
        seed: Of the chips, dropout and first weights.
        cell_px: Side of the cells on which footprints are weighed.
    """

    epochs: int
    chips_per_epoch: int
    batch_size: int
    learning_rate: float
    l2: float = 0.0
    l1: float = 0.0
    patience: int = 0
    seed: int = 1
    cell_px: int = 1

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch; the last may have fewer chips."""
        return math.ceil(self.chips_per_epoch / self.batch_size)

    def of_length(self, epochs: int) -> FitSettings:
        """Return the same with a learning rate's whole cycle of so many epochs, never cut short."""
        return replace(self, epochs=epochs, patience=0)


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        number: From 1.
        training: Mean data loss over the epoch's chips, as the network was fitted on them.
        validation: Data loss on the validation part after the epoch; None without one.
        l2: Lambda times the sum of squared weights after the epoch.
        l1: Lambda times the sum of the weights' moduli after the epoch.
        learning_rate: In its last step.
        is_candidate: Whether the learning rate had come down, so that it may be the best.
    """

    number: int
    training: float
    validation: float | None
    l2: float
    l1: float
    learning_rate: float
    is_candidate: bool


@dataclass(frozen=True)
class FitResult:
    """A fitted network.

    Attributes:
        state: The weights kept: the best epoch's.
        best_epoch: Its number, from 1; the last where there was no validation.
        epochs: All epochs.
        seconds: Time of the steps, validation left out.
        chips: Chips seen.
    """

    state: dict[str, NDArray[np.generic]]
    best_epoch: int
    epochs: list[Epoch] = field(default_factory=list)
    seconds: float = 0.0
    chips: int = 0


def fit(
    network: nn.Module,
    draw: Draw,
    loss: DataLoss,
    settings: FitSettings,
    device: Device,
    report: Reporter,
    validate: Validate | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> FitResult:
    """Fit a network and return its best weights.

    Args:
        network: The network; it is changed, and ends with its last weights.
        draw: Gives the chips.
        loss: The data loss.
        report: Receives progress 0-1; cancels between steps.
        validate: Scores the network after each epoch; without it the last weights are kept.
        on_epoch: Receives each epoch.

    Raises:
        SeaIceError: The loss is no longer a number.
    """
    network.to(device.name, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = _optimiser(network, settings)
    last = settings.epochs
    steps = last * settings.steps_per_epoch
    cycle = OneCycleLR(
        optimiser,
        settings.learning_rate,
        total_steps=steps,
        pct_start=_RISE,
        div_factor=1 / _FIRST,
        final_div_factor=_FIRST / _LAST,
        cycle_momentum=False,
    )
    epochs: list[Epoch] = []
    best: tuple[float, int, dict[str, NDArray[np.generic]]] | None = None
    seconds, chips, step = 0.0, 0, 0
    rng = np.random.default_rng(settings.seed)
    sizes = _sizes(settings)
    with computed_ahead(lambda size: draw(size, rng), sizes) as batches:
        for number in range(1, last + 1):
            start = time.perf_counter()
            settled = number == last or number * settings.steps_per_epoch > _SETTLED * steps
            _set_statistics(network, settings, settled=settled)
            network.train()
            for module in filter(is_frozen, network.modules()):
                module.eval()
            total = torch.zeros(2, device=device.name)
            for _ in range(settings.steps_per_epoch):
                batch = next(batches)
                rate = float(cycle.get_last_lr()[0])
                total += _step(network, batch, loss, optimiser, settings, device)
                chips += len(batch.label)
                step += 1
                if step < steps:
                    cycle.step()
                report.progress(step / steps)
            training = float(total[0] / total[1])
            seconds += time.perf_counter() - start
            _check_finite(training, number, settings)
            network.eval()
            validation = validate(network) if validate else None
            epoch = Epoch(
                number,
                training,
                validation,
                settings.l2 * float(l2_term(network).detach()),
                settings.l1 * float(l1_term(network).detach()),
                rate,
                settled,
            )
            epochs.append(epoch)
            if on_epoch:
                on_epoch(epoch)
            if validation is None or math.isnan(validation):  # nothing of it can be judged
                continue
            if epoch.is_candidate and (best is None or validation < best[0]):
                best = validation, number, _state(network)
            if best is not None and 0 < settings.patience <= number - best[1]:
                break
    if best is None:
        return FitResult(_state(network), len(epochs), epochs, seconds, chips)
    return FitResult(best[2], best[1], epochs, seconds, chips)


def _optimiser(network: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    """Return Adam, with L2 as its gradient.

    The gradient of lambda times the sum of w^2 is 2 lambda w, which Adam's `weight_decay` (unlike
    AdamW's) adds to the gradient of the loss before its moments: the same as the term in the
    loss, for less time.
    """
    weights = {id(weight) for weight in penalised(network)}
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [  # Any: torch's
        {"params": [p for p in parameters if id(p) in weights], "weight_decay": 2 * settings.l2},
        {"params": [p for p in parameters if id(p) not in weights]},
    ]
    return torch.optim.Adam(groups, lr=settings.learning_rate, eps=_EPSILON, fused=True)


def _step(
    network: nn.Module,
    batch: Batch,
    loss: DataLoss,
    optimiser: torch.optim.Optimizer,
    settings: FitSettings,
    device: Device,
) -> Tensor:
    """Change the weights by one step; return the sum of losses and the number of pixels, (2,)."""
    # (B, H, W, C) in memory is (B, C, H, W) in the format channels_last
    pixels = _to_device(batch.pixels, device).permute(0, 3, 1, 2)
    targets = Targets.of(batch, settings.cell_px, lambda array: _to_device(array, device))
    with device.autocast():
        output = network(pixels)
    total, count = loss(output, targets)
    optimiser.zero_grad(set_to_none=True)
    (total / count.clamp(min=1)).backward()  # type: ignore[no-untyped-call]
    if settings.l1:
        for weight in penalised(network):
            if weight.grad is not None:
                weight.grad.add_(weight.detach().sign(), alpha=settings.l1)
    optimiser.step()
    return torch.stack([total.detach(), count.to(total.dtype)])


def _set_statistics(network: nn.Module, settings: FitSettings, *, settled: bool) -> None:
    """Choose how batch norm averages its statistics in an epoch.

    A running mean looks back over ten batches; on chips of water and chips of ice these differ so
    much that the error of the fitted network varies by a tenth. Once the weights have settled, the
    mean is therefore that of all the epoch's batches; before, it would be stale.

    Args:
        settings: Have the length of an epoch.
        settled: Whether the learning rate has come down by the end of the epoch.
    """
    whole_epoch = settled and settings.steps_per_epoch >= _STATISTICS_BATCHES
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not is_frozen(module):
            module.momentum = None if whole_epoch else _MOMENTUM
            if whole_epoch:
                module.reset_running_stats()


def _check_finite(training: float, number: int, settings: FitSettings) -> None:
    if not math.isfinite(training):
        raise SeaIceError(
            f"the training loss is no longer a number after epoch {number}; the steps were too"
            f" large. Give a Learning rate below {settings.learning_rate:g}, for example"
            f" {settings.learning_rate / 4:g}"
        )


def _sizes(settings: FitSettings) -> list[int]:
    """Return the number of chips in each step."""
    full, rest = divmod(settings.chips_per_epoch, settings.batch_size)
    epoch = [settings.batch_size] * full + [rest] * (rest > 0)
    return epoch * settings.epochs


def _to_device(array: NDArray[np.generic], device: Device) -> Tensor:
    return torch.from_numpy(array).to(device.name, non_blocking=True)


def _state(network: nn.Module) -> dict[str, NDArray[np.generic]]:
    """Return a copy of a network's weights and statistics by name."""
    return {
        name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()
    }
