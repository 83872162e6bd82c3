"""Training data: the scenes that a network learns from, and how they are split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ..errors import SeaIceError
from ..events import Reporter
from ..observation.times import FAR_H
from .block_split import draw_folds, draw_split
from .polygon_split import all_polygons, draw_polygon_folds, draw_polygons
from .provenance import check_alike
from .records import SceneRecord
from .scene_data import SceneData, Scenes
from .scene_split import draw_scene_folds, draw_scenes
from .split import PARTS, Split, Splits, part_counts, training_scenes, validation_scenes
from .training_set import TrainingSet

_FEW_FOOTPRINTS: Final = 9
"""On fewer an error says little: on the tests' real scene, where some 2 validate, networks of 9 %
SIC on the other half were given 15 to 40 %."""

_FOOTPRINT_SPREAD: Final = 1.5


@dataclass(frozen=True)
class DataSplit:
    """How scenes are split.

    Attributes:
        fits: The splits of each fit that is validated: one, or those of a cross-validation.
        full: The splits of a fit on the full data.
    """

    fits: tuple[Splits, ...]
    full: Splits

    @property
    def validates(self) -> bool:
        """Whether anything is kept for validation."""
        return bool(validation_scenes(self.fits[0]))

    def part_of(self, name: str) -> str:
        """Return in words which part a whole scene is of, in the first fit or in which fold."""
        for number, splits in enumerate(self.fits, 1):
            if splits[name].blocks:
                return f"fold {number}" if len(self.fits) > 1 else "validation"
        return "training" if self.fits[0][name].counts["training"] else "left out"


@dataclass(frozen=True)
class TrainingData:
    """Scenes and where they come from.

    One scene is split into blocks, or into the polygons of its chart. Of several, whole scenes
    train or validate: to a fit that is a split like another, whose only block is the scene.

    Attributes:
        title: What reports call them.
        scenes: The scenes by name.
        provenance: What the model card says of where they come from.
        records: Of a training set, the record of each scene; empty for layers.
    """

    title: str
    scenes: Scenes
    provenance: Mapping[str, Any]
    records: Mapping[str, SceneRecord] = field(default_factory=dict)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, of all scenes."""
        return next(iter(self.scenes.values())).channels

    @property
    def resolution_m(self) -> float:
        """Pixel size; the median, since those of a set may differ a little."""
        return float(np.median([data.grid.resolution_m for data in self.scenes.values()]))

    @property
    def footprint_m(self) -> float:
        """Footprint of the reference; the median where there are several, charts left out."""
        sizes = [data.footprint_m for data in self.scenes.values() if not data.is_chart]
        return float(np.median(sizes or [data.footprint_m for data in self.scenes.values()]))

    @property
    def footprint_px(self) -> float:
        """The footprint in pixels; 0 where all references are charts whose polygons are known."""
        if all(data.is_chart for data in self.scenes.values()):
            return 0.0
        return self.footprint_m / self.resolution_m

    @property
    def has_polygons(self) -> bool:
        """Whether a reference is a chart whose polygons are known."""
        return any(data.is_chart for data in self.scenes.values())

    @property
    def parts_noun(self) -> str:
        """What the parts that validate are called."""
        if len(self.scenes) > 1:
            return "scenes"
        return "polygons" if self.has_polygons else "blocks"

    @property
    def independent_noun(self) -> str:
        """What is independent of each other, and counted by `footprints`."""
        if not self.has_polygons:
            return "independent footprints"
        alone = all(data.is_chart for data in self.scenes.values())
        return "polygons" if alone else "polygons and independent footprints"

    def independent(self, number: float) -> str:
        """Return in words how many polygons and independent footprints there are."""
        return f"{number:.{0 if self.has_polygons else 1}f} {self.independent_noun}"

    def split(
        self, seed: int, validation_fraction: float, *, folds: int = 0, data_fraction: float = 1.0
    ) -> DataSplit:
        """Return a split into training and validation parts.

        Args:
            seed: Of the draw.
            validation_fraction: Share of the reference that validates; without folds.
            folds: Parts of a cross-validation; 0: one split.
            data_fraction: Share of the training part that is used.

        Raises:
            SeaIceError: The scene is too small for it, or the scenes are of too few passes.
        """
        rng = np.random.default_rng(seed)
        if not self.records:
            ((name, data),) = self.scenes.items()
            length_px = data.decorrelation_px
            if data.is_chart and folds:
                splits = draw_polygon_folds(data, folds, rng)
            elif data.is_chart:
                splits = [draw_polygons(data, validation_fraction, rng)]
            elif folds:
                splits = draw_folds(data.cells, length_px, folds)
            else:
                splits = [draw_split(data.cells, length_px, validation_fraction, rng)]
            fits = [split.reduced(data.cells, data_fraction, rng) for split in splits]
            rng = np.random.default_rng(seed)
            full = all_polygons(data) if data.is_chart else Split.full(data.cells)
            full = full.reduced(data.cells, data_fraction, rng)
            return DataSplit(tuple({name: split} for split in fits), {name: full})
        if folds:
            parts = draw_scene_folds(self.records, folds, rng)
        else:
            parts = [draw_scenes(self.records, validation_fraction, rng)]
        return DataSplit(
            tuple(self._whole_scenes(part, data_fraction, rng) for part in parts),
            self._whole_scenes((), data_fraction, rng),
        )

    def _whole_scenes(
        self, validating: Sequence[str], data_fraction: float, rng: np.random.Generator
    ) -> Splits:
        others = [name for name in self.scenes if name not in validating]
        used = math.ceil(data_fraction * len(others))
        training = {others[k] for k in rng.permutation(len(others))[:used]}
        return {
            name: (
                Split.held_out(data.cells)
                if name in validating
                else (Split.full if name in training else Split.unused)(data.cells)
            )
            for name, data in self.scenes.items()
        }

    def footprints(self, splits: Splits, part: str = "validation") -> float:
        """Return how many independent footprints the reference pixels of a part make.

        Of charts the polygons are counted.
        """
        return sum(self._independent(name, split, part) for name, split in splits.items())

    def _independent(self, name: str, split: Split, part: str) -> float:
        data = self.scenes[name]
        if not data.is_chart:
            return data.footprints(split.counts.get(part, 0))
        assert data.observations is not None
        return float((split.roles_of(data.observations) == PARTS[part]).sum())

    def few_footprints(self, fits: Sequence[Splits]) -> str:
        """Return a warning where the error of all fits rests on few footprints, else nothing."""
        independent = sum(self.footprints(splits) for splits in fits)
        if independent >= _FEW_FOOTPRINTS:
            return ""
        remedy = "" if len(fits) > 1 else ". Cross-validation folds use all of the ground"
        return (
            f"Only {self.independent(independent)} of the reference validate: the"
            f" validation error may be far from that on other scenes, above it or below{remedy}"
        )

    def to_dict(self, splits: Splits) -> dict[str, Any]:
        """Return what the model card says of splits."""
        found: dict[str, Any]
        if len(self.scenes) == 1:
            (name,) = self.scenes
            found = splits[name].to_dict()
            found["buffer_m"] = splits[name].buffer_px * self.scenes[name].grid.resolution_m
        else:
            found = {
                "training_scenes": training_scenes(splits),
                "validation_scenes": validation_scenes(splits),
                "reference_pixels": part_counts(splits),
            }
        found["independent_footprints"] = {
            part: self.footprints(splits, part) for part in part_counts(splits)
        }
        found["independent"] = self.independent_noun
        return found

    def log_split(self, split: DataSplit, report: Reporter) -> None:
        """Log how the scenes are split; warn where that says little of other scenes."""
        if not split.validates:
            report.warning(
                "Validation fraction is 0: nothing is kept apart, so the error on other scenes and"
                " whether the network over-fits stay unknown"
            )
            return
        for line in self._lines(split):
            report.info(line)
        text = self.few_footprints(split.fits)
        if text:
            report.warning(text)

    def _lines(self, split: DataSplit) -> Iterator[str]:
        first, number = split.fits[0], len(split.fits)
        apart = [self.footprints(splits) for splits in split.fits]
        if len(self.scenes) > 1:
            for k, splits in enumerate(split.fits):
                fold = f"Fold {k + 1} of {number}: " if number > 1 else ""
                names = validation_scenes(splits)
                yield (
                    f"{fold}{len(training_scenes(splits))} scenes train, {len(names)} validate"
                    f" ({apart[k]:.0f} {self.independent_noun}): {', '.join(names)}"
                )
            return
        ((name, data),) = self.scenes.items()
        counts = _values(data, first[name])
        buffer_km = first[name].buffer_px * data.grid.resolution_m / 1000
        if data.is_chart:
            polygons = [self.footprints(first, part) for part in ("training", "validation")]
            area = first[name].counts
            share = area["validation"] / max(1, area["training"] + area["validation"])
            turns = f" in turn, {number} parts of them" if number > 1 else ""
            yield (
                f"Split by the polygons of the chart: {polygons[0]:.0f} train,"
                f" {polygons[1]:.0f} validate{turns} ({100 * share:.0f} % of the area)"
            )
            return
        if number > 1:
            yield (
                f"Cross-validation: {number} parts of {apart[0]:.1f} independent footprints each"
                f" validate in turn, {buffer_km:.3g} km around each are left out"
            )
            return
        yield (
            f"Split: {counts['training']} reference values train, {counts['validation']} in"
            f" {len(first[name].blocks)} blocks validate ({apart[0]:.1f} independent footprints),"
            f" {counts['buffer']} within {buffer_km:.3g} km of a block do neither"
        )


def _values(data: SceneData, split: Split) -> dict[str, int]:
    """Return how many reference values each part of a scene has, by the names in `PARTS`."""
    if data.observations is None:
        return split.counts
    roles = split.roles_of(data.observations)
    return {name: int(np.count_nonzero(roles == role)) for name, role in PARTS.items()}


def of_set(training_set: TrainingSet, report: Reporter) -> TrainingData:
    """Open the scenes of a training set, memory-mapped.

    Args:
        report: Warned where the references' footprints differ much, or their times are far from
            the scenes'.

    Raises:
        SeaIceError: The set is empty or damaged, holds one SIC only, or the thermal noise of its
            scenes was handled differently.
    """
    folder = training_set.folder
    names = training_set.names()
    if not names:
        raise SeaIceError(f"{folder}: the training set is empty; add scenes by Build training set")
    records = {name: training_set.record(name) for name in names}
    sic = np.sum([record.sic_histogram for record in records.values()], axis=0)
    if np.count_nonzero(sic) == 1:
        tenth = 10 * int(np.argmax(sic))
        raise SeaIceError(
            f"{folder}: all its scenes have a SIC of {tenth}-{tenth + 10} %; a network needs water"
            " and ice to learn from: add scenes across the ice edge"
        )
    check_alike({one.name: one.acquisition for one in records.values()}, str(folder))
    sizes = sorted(record.footprint_m for record in records.values() if not record.polygons)
    if sizes and sizes[-1] > _FOOTPRINT_SPREAD * sizes[0]:
        report.warning(
            f"The references' footprints differ, {sizes[0] / 1000:.3g} to {sizes[-1] / 1000:.3g}"
            " km; the network learns to give something between them"
        )
    far = [record.name for record in records.values() if abs(record.hours_apart or 0) > FAR_H]
    if far:
        report.warning(
            f"Scenes whose reference is more than {FAR_H:g} h from the acquisition, as was allowed"
            f" when they were added: {', '.join(far)}. The network learns from ice that had drifted"
        )
    return TrainingData(
        f"training set {folder.name}, {len(names)} scenes",
        {name: training_set.data(name) for name in names},
        {"inputs": {"training_set": folder.name, "scenes": str(len(names))}, "notes": []},
        records,
    )
