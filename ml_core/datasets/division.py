"""The division of scenes into what trains and what validates, of one scene or of many.

One scene is divided into blocks. Of several, whole scenes train or validate: to a fit that is a
split like another, whose only block is the scene.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..events import Reporter
from ..training.plan import Plan
from .records import SceneRecord
from .scene_data import TrainingData
from .scene_split import draw_scene_folds, draw_scenes
from .split import Split, draw_folds, draw_split, held_out, reduced, unused, whole

Scenes = Mapping[str, TrainingData]
"""Scenes by name."""

Splits = Mapping[str, Split]
"""The same scenes' splits."""

_FEW_FOOTPRINTS: Final = 20
"""On fewer an error says little: on the tests' real scene, where some 5 validate, networks of 9 %
SIC on the other half were judged at 15 to 40 %."""


@dataclass(frozen=True)
class Division:
    """How scenes are divided.

    Attributes:
        fits: The splits of each fit that is validated: one, or those of a cross-validation.
        everything: The splits of a fit on everything.
    """

    fits: tuple[Splits, ...]
    everything: Splits

    def part_of(self, name: str) -> str:
        """Return in words which part a whole scene is of, in the first fit or in which fold."""
        for number, splits in enumerate(self.fits, 1):
            if splits[name].blocks:
                return f"fold {number}" if len(self.fits) > 1 else "validation"
        return "training" if self.fits[0][name].counts["training"] else "left out"


def of_scene(name: str, data: TrainingData, plan: Plan) -> Division:
    """Return one scene's division into blocks, or into folds.

    Raises:
        SeaIceError: The scene is too small for it.
    """
    rng = np.random.default_rng(plan.fit.seed)
    if plan.folds:
        splits = draw_folds(data.cells, data.length_px, plan.folds)
    else:
        splits = [draw_split(data.cells, data.length_px, plan.validation_fraction, rng)]
    splits = [reduced(split, data.cells, plan.data_fraction, rng) for split in splits]
    rng = np.random.default_rng(plan.fit.seed)
    everything = reduced(whole(data.cells), data.cells, plan.data_fraction, rng)
    return Division(tuple({name: split} for split in splits), {name: everything})


def of_set(scenes: Scenes, records: Mapping[str, SceneRecord], plan: Plan) -> Division:
    """Return a division into whole scenes, those of one pass together.

    Args:
        scenes: The scenes.
        records: What is known of each.
        plan: Says which share validates, or how many folds, and which share of the others is used.

    Raises:
        SeaIceError: There are too few passes for it.
    """
    rng = np.random.default_rng(plan.fit.seed)

    def splits(validating: Sequence[str]) -> Splits:
        others = [name for name in scenes if name not in validating]
        used = math.ceil(plan.data_fraction * len(others))
        training = {others[k] for k in rng.permutation(len(others))[:used]}
        return {
            name: (
                held_out(data.cells)
                if name in validating
                else (whole if name in training else unused)(data.cells)
            )
            for name, data in scenes.items()
        }

    if plan.folds:
        parts = draw_scene_folds(records, plan.folds, rng)
    else:
        parts = [draw_scenes(records, plan.validation_fraction, rng)]
    return Division(tuple(splits(part) for part in parts), splits(()))


def learnt(splits: Splits) -> list[str]:
    """Return the names of the scenes that train."""
    return [name for name, split in splits.items() if split.counts["training"]]


def validating(splits: Splits) -> list[str]:
    """Return the names of the scenes that validate."""
    return [name for name, split in splits.items() if split.blocks]


def parts_noun(scenes: Scenes) -> str:
    """Return what the parts that validate are called."""
    return "blocks" if len(scenes) == 1 else "scenes"


def counts(splits: Splits) -> dict[str, int]:
    """Return the reference pixels of each role, of all scenes together."""
    names = {name for split in splits.values() for name in split.counts}
    return {name: sum(split.counts[name] for split in splits.values()) for name in sorted(names)}


def footprints(scenes: Scenes, splits: Splits, role: str = "validation") -> float:
    """Return how many independent footprints the reference pixels of a role make."""
    return sum(scenes[name].footprints(split.counts[role]) for name, split in splits.items())


def few_footprints(scenes: Scenes, fits: Sequence[Splits]) -> str:
    """Return a warning where the error of all fits rests on few footprints, else an empty text."""
    independent = sum(footprints(scenes, splits) for splits in fits)
    if independent >= _FEW_FOOTPRINTS:
        return ""
    remedy = "" if len(fits) > 1 else ". Cross-validation folds judge all of the ground"
    return (
        f"Only {independent:.1f} independent footprints of the reference validate: the validation"
        f" error may be far from that on other scenes, above it or below{remedy}"
    )


def to_dict(scenes: Scenes, splits: Splits) -> dict[str, Any]:
    """Return what the model card says of splits."""
    found: dict[str, Any]
    if len(scenes) == 1:
        (name,) = scenes
        found = splits[name].to_dict()
        found["buffer_m"] = splits[name].buffer_px * scenes[name].grid.resolution_m
    else:
        found = {
            "training_scenes": learnt(splits),
            "validation_scenes": validating(splits),
            "reference_pixels": counts(splits),
        }
    found["independent_footprints"] = {
        role: footprints(scenes, splits, role) for role in counts(splits)
    }
    return found


def tell(scenes: Scenes, division: Division, report: Reporter) -> None:
    """Tell how scenes are divided."""
    first = division.fits[0]
    if not validating(first):
        report.warning(
            "Validation fraction is 0: nothing is kept apart, so the error on other scenes and"
            " whether the network over-fits stay unknown"
        )
        return
    for line in _lines(scenes, division):
        report.info(line)
    text = few_footprints(scenes, division.fits)
    if text:
        report.warning(text)


def _lines(scenes: Scenes, division: Division) -> Iterator[str]:
    first, number = division.fits[0], len(division.fits)
    apart = [footprints(scenes, splits) for splits in division.fits]
    if len(scenes) > 1:
        for k, splits in enumerate(division.fits):
            fold = f"Fold {k + 1} of {number}: " if number > 1 else ""
            yield (
                f"{fold}{len(learnt(splits))} scenes train, {len(validating(splits))} validate"
                f" ({apart[k]:.0f} independent footprints): {', '.join(validating(splits))}"
            )
        return
    ((name, data),) = scenes.items()
    split = first[name]
    buffer_km = split.buffer_px * data.grid.resolution_m / 1000
    if number > 1:
        yield (
            f"Cross-validation: {number} parts of {apart[0]:.1f} independent footprints each"
            f" validate in turn, {buffer_km:.3g} km around each are left out"
        )
        return
    yield (
        f"Split: {split.counts['training']} reference pixels train, {split.counts['validation']} in"
        f" {len(split.blocks)} blocks validate ({apart[0]:.1f} independent footprints),"
        f" {split.counts['buffer']} within {buffer_km:.3g} km of a block do neither"
    )
