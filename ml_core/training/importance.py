"""Permutation importance: what each channel is worth to a fitted network on the validation part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .. import networks
from ..checkpoint import ModelCard
from ..datasets.scene_data import SceneData, Scenes
from ..datasets.split import VALIDATION, validation_scenes
from ..evaluation.scene_scores import pooled
from ..events import Reporter
from ..raster.grid import Grid, Window
from .config import TrainingConfig
from .device import Device
from .experiment import Outcome, errors_on
from .validation import Part, thinned

_DRAWS: Final = 5
"""Permutations of each channel: their spread says what the mean is good for."""

_LEAST_SQUARES: Final = 4
"""On fewer there is next to nothing to exchange."""

_MOST_PX: Final = 2**23
"""As much is predicted, of all channels and draws together: of a large validation part four of the
passes after an epoch, of a small one one and `_DRAWS` for each channel."""

_LEAST_HELD: Final = 0.5
"""Share of a square's pixels that have data, for its values to be given to another."""

KEY: Final = "channel_importance"
"""Of the importance among a model card's metrics."""


@dataclass(frozen=True)
class Importance:
    """What the channels are worth.

    Attributes:
        rises_percent: How much the RMSE rises in each draw, in percent SIC, by channel.
        rmse_percent: The RMSE without any exchange, on the same ground.
        squares: How many squares exchange their values.
        side_m: Their side.
    """

    rises_percent: Mapping[str, tuple[float, ...]]
    rmse_percent: float
    squares: int
    side_m: float

    def to_dict(self) -> dict[str, Any]:
        """Return it for a model card."""
        return {
            "rmse_percent": self.rmse_percent,
            "squares": self.squares,
            "side_m": self.side_m,
            "rises_percent": {name: list(rises) for name, rises in self.rises_percent.items()},
        }


def importance_of(
    scenes: Scenes, config: TrainingConfig, outcome: Outcome, device: Device, report: Reporter
) -> Importance | None:
    """Return how much worse the first fit does where a channel's values are exchanged.

    Squares as large as a footprint exchange a channel's values, the other channels stay: within a
    square the channel is as it was, but says nothing of the ground that it lies on (Breiman 2001,
    Machine Learning 45; by blocks, since neighbouring pixels are no independent draws: Roberts et
    al. 2017, Ecography 40). Of a cross-validation it is the fold with the lowest error, of an
    ensemble the first member.

    Args:
        scenes: The scenes by name.
        config: What was fitted.
        outcome: Its first fit and the split of that.
        device: What computes.
        report: Informed of what came out; receives progress 0-1.

    Returns:
        The importance; None where nothing validates, or only a few squares.
    """
    splits, channels = outcome.splits, next(iter(scenes.values())).channels
    names = validation_scenes(splits)
    reach_px = networks.geometry(config.network).reach_px
    seen = [
        (scenes[name], square)
        for name in names
        for square in _squares(scenes[name], splits[name].blocks, reach_px)
    ]
    whole = [place for place in seen if _is_whole(*place)]
    if len(whole) < _LEAST_SQUARES:
        return None
    network = networks.restore(config.network, outcome.first.result.state).to(device.name)

    def rmse(parts: Sequence[Part], exchange: Callable[[SceneData], Exchanged] | None) -> float:
        report.check_cancelled()
        scores = [
            errors_on(
                part,
                network,
                outcome.first,
                config,
                device,
                shown=exchange(part.data) if exchange else None,
            )
            for part in parts
        ]
        found = pooled(scores)[0].total().rmse_percent
        return math.nan if found is None else found

    validating = [Part.of(scenes[name], splits[name], VALIDATION) for name in names]
    most_px = _MOST_PX // (_DRAWS * (1 + len(channels)))
    rng = np.random.default_rng(config.fit.seed)
    before: list[float] = []
    rises: dict[str, list[float]] = {name: [] for name in channels}
    for draw in range(_DRAWS):
        # of a large part, other tiles in each draw
        parts = [part for part in thinned(validating, most_px, first=draw) if part.windows]
        before.append(rmse(parts, None))
        donors = _exchanged(seen, whole, rng)
        for number, channel in enumerate(channels):
            after = rmse(parts, partial(Exchanged, number=number, donors=donors))
            rises[channel].append(after - before[-1])
            report.progress((draw + (number + 1) / len(channels)) / _DRAWS)
    found = Importance(
        {name: tuple(values) for name, values in rises.items()},
        float(np.sqrt(np.mean(np.square(before)))),
        len(whole),
        float(np.median([square.height * data.grid.resolution_m for data, square in whole])),
    )
    _log(found, report)
    return found


def noted(
    card: ModelCard,
    scenes: Scenes,
    config: TrainingConfig,
    outcome: Outcome,
    device: Device,
    report: Reporter,
) -> ModelCard:
    """Return a model card that says what the channels are worth, as `importance_of` finds it."""
    found = importance_of(scenes, config, outcome, device, report)
    if found is None:
        return card
    return replace(card, metrics={**card.metrics, KEY: found.to_dict()})


_Place = tuple[SceneData, Window]
"""A square of a scene."""

_Key = tuple[int, int, int]
"""Of a square: which scene, first row and column."""


class Exchanged:
    """A scene of which one channel has other squares' values; it stands in for the scene.

    Args:
        data: The scene.
        number: The channel.
        donors: The square whose values each square gets; without one it keeps its own.
    """

    def __init__(self, data: SceneData, number: int, donors: Mapping[_Key, _Place]) -> None:
        self._data, self._number, self._donors = data, number, donors
        self._side = _side_px(data)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self._data.channels

    @property
    def grid(self) -> Grid:
        """The scene's grid."""
        return self._data.grid

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the channels (C, h, w), one of them exchanged, and the valid mask (h, w)."""
        values, valid = self._data.read(window)
        inside, side = window.clipped(*self.grid.shape), self._side
        for row in range(inside.row // side * side, inside.stop_row, side):
            for col in range(inside.col // side * side, inside.stop_col, side):
                square = Window(row, col, side, side)
                donor = self._donors.get(_key(self._data, square))
                if donor is not None:
                    part = square.intersection(inside)
                    given = _filled(*donor, self._number, side)
                    place = part.moved(-window.row, -window.col).slices
                    values[self._number][place] = given[part.moved(-row, -col).slices]
        values[:, ~valid] = np.nan
        return values, valid


def _key(data: SceneData, square: Window) -> _Key:
    return id(data), square.row, square.col


def _filled(data: SceneData, square: Window, number: int, side: int) -> NDArray[np.float32]:
    """Return a channel's values in a square (side, side), its mean where there is none.

    Squares of scenes whose pixels differ a little in size are repeated or cut at their end.
    """
    values = np.array(data.array[square.slices][..., number])
    known = np.isfinite(values)
    values[~known] = values[known].mean()
    index = np.arange(side) % square.height
    filled: NDArray[np.float32] = values[np.ix_(index, index)]
    return filled


def _side_px(data: SceneData) -> int:
    """Return the side of a scene's squares: a decorrelation length, in whole cells."""
    cell = data.cells.size_px
    return max(1, round(data.decorrelation_px / cell)) * cell


def _squares(data: SceneData, blocks: Sequence[Window], reach_px: int) -> list[Window]:
    """Return the squares that a network sees in blocks of a scene; the last ones may overhang."""
    seen = [block.grown(reach_px) for block in blocks]
    return [
        square
        for square in data.grid.window.blocks(_side_px(data))
        if any(not square.intersection(block).is_empty for block in seen)
    ]


def _is_whole(data: SceneData, square: Window) -> bool:
    """Say whether a square lies inside its scene and holds data, so that it can give values."""
    side, cell = _side_px(data), data.cells.size_px
    if (square.height, square.width) != (side, side):
        return False
    top, left, across = square.row // cell, square.col // cell, side // cell
    held = data.cells.count[top : top + across, left : left + across].sum()
    return bool(held >= _LEAST_HELD * side**2)


def _exchanged(
    seen: Sequence[_Place], whole: Sequence[_Place], rng: np.random.Generator
) -> dict[_Key, _Place]:
    """Return the square whose values each square gets: whole ones exchange theirs, none its own.

    The others, at a scene's edge or of little data, get those of any.
    """
    donors = {
        _key(*place): whole[number]
        for place, number in zip(seen, rng.integers(0, len(whole), len(seen)), strict=True)
    }
    order = rng.permutation(len(whole))
    for number, donor in zip(order, np.roll(order, 1), strict=True):
        donors[_key(*whole[number])] = whole[donor]
    return donors


def _log(found: Importance, report: Reporter) -> None:
    worth = ", ".join(
        f"{name} {np.mean(rises):+.1f} +- {np.std(rises, ddof=1):.1f}"
        for name, rises in found.rises_percent.items()
    )
    report.info(
        f"Worth of the channels, as the rise of the validation RMSE in % SIC when"
        f" {found.squares} squares of {found.side_m / 1000:.3g} km exchange their values: {worth}"
    )
