"""Uncertainty: networks that might as well be right, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checkpoint
from ..checkpoint import ModelCard
from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.predict import HALF_WIDTH_BAND, LOWER_BAND, UPPER_BAND
from ..networks import NetworkConfig, plan
from ..networks.classes import SicClasses
from ..networks.fully_convolutional import as_map
from ..networks.layer import LayerKind
from ..networks.output import scale_of_each, sic_of_each
from ..networks.plan import Tensors
from ..observation.footprint import FootprintFields
from ..raster.grid import Grid, Window
from ..raster.radiometry import Floats, Mask
from ..raster.writing import BandInfo, RasterWriter
from .calibration import DROPOUT, ENSEMBLE, NETWORK, SIC, SOURCES, Calibration
from .runtimes.base import Runtime
from .runtimes.choose import make_runtime
from .sampling import Masks, draw_masks
from .training_distribution import OutOfDistribution

DEFAULT_SAMPLES = 16


@dataclass(frozen=True)
class Sampling:
    """Which networks a runtime computes: one, the members of an ensemble, or samples by dropout.

    Attributes:
        method: ``dropout``, ``ensemble``, or empty for a single network.
        count: Networks whose spread counts; 1 for a single one.
        classes: The classes that the networks score; None: they give the SIC as a fraction.
        calibration: How the uncertainty follows from them; None where none is wanted.
    """

    method: str = ""
    count: int = 1
    classes: SicClasses | None = None
    calibration: Calibration | None = None

    @property
    def total(self) -> int:
        """Networks in all: with dropout off, too, beside those that are drawn."""
        return self.count + (self.method == DROPOUT)

    def members(self, output: Floats) -> Floats:
        """Return what the networks that predict give, without those drawn to see the spread.

        Args:
            output: (K * O, h, w) of all networks.

        Returns:
            (M, O, h, w), M = 1 but for an ensemble.
        """
        each = output.reshape(self.total, -1, *output.shape[1:])
        return each[:1] if self.method == DROPOUT else each

    @property
    def spread_count(self) -> int:
        """Maps that the spread is of; 0 where the uncertainty follows from SIC alone."""
        source = self.calibration.source if self.calibration else SIC
        return {SIC: 0, NETWORK: 1}.get(source, self.count)

    def maps(self, output: Floats, valid: Mask) -> tuple[Floats, Floats]:
        """Return the SIC, and the maps that the spread is of, that networks' output stands for.

        Args:
            output: (K * O, h, w) of all networks; it is overwritten.
            valid: (h, w).

        Returns:
            SIC in percent (h, w) - with dropout off, or the mean of an ensemble - and maps
            (`spread_count`, h, w).
        """
        sics = sic_of_each(output, valid, self.total, self.classes)
        if self.calibration and self.calibration.source == NETWORK:
            samples = scale_of_each(output, valid, self.total).mean(axis=0, keepdims=True)
        else:
            samples = sics[self.total - self.spread_count :]
        if self.method == DROPOUT or self.count == 1:
            return sics[0], samples
        return sics.mean(axis=0), samples

    def spread(self, means: Floats) -> Floats:
        """Return the spread (h, w) of means over footprints of the maps that it is of (N, h, w)."""
        if not len(means):
            return np.zeros(means.shape[1:], np.float32)
        found: Floats = means[0] if len(means) == 1 else means.std(axis=0, ddof=1)
        return found

    def sic(self, output: Floats) -> Floats:
        """Return the SIC of an output that is valid everywhere, likewise."""
        return self.maps(output, np.ones(output.shape[1:], bool))[0]


def calibration_of(card: ModelCard, tensors: Tensors) -> Calibration:
    """Return how the uncertainty of a model file's networks is found.

    Raises:
        SeaIceError: The file says nothing of it, and there is nothing that it could follow from.
    """
    members, possible = checkpoint.member_count(tensors), {SIC}
    if members > 1:
        possible.add(ENSEMBLE)
    else:
        try:
            masks_of(NetworkConfig.from_dict(card.network), 1, 0)
            possible.add(DROPOUT)
        except SeaIceError:
            pass
    if card.classes is None and card.network.get("out_channels") == 2:
        possible.add(NETWORK)
    if card.calibration:
        found = Calibration.from_dict(card.calibration)
        if found.source in possible:
            return found
    for source in (ENSEMBLE, NETWORK, DROPOUT):
        if source in possible:
            return Calibration.bare(source)
    raise SeaIceError(
        "the network's file says nothing of its errors, and it has no dropout to draw networks by;"
        " train it with a Validation fraction above 0, or leave Uncertainty empty"
    )


def masks_of(config: NetworkConfig, count: int, seed: int) -> Masks:
    """Return the masks of networks drawn by dropout.

    Raises:
        SeaIceError: The network has no dropout, or takes padded patches one by one.
    """
    layers = as_map(plan(config))
    masks = draw_masks(layers, count, seed)
    if not masks:
        raise SeaIceError(
            "the network has no dropout, so no samples can be drawn from it; train it with Dropout"
            " rate above 0, or train an ensemble (Members)"
        )
    if any(layer.kind is LayerKind.UNFOLD for layer in layers.layers):
        raise SeaIceError(
            f"{config.architecture} takes padded patches one by one, of which no samples are"
            " drawn; train an ensemble (Members)"
        )
    return masks


def make_sampled(
    name: str,
    device: str,
    card: ModelCard,
    tensors: Tensors,
    report: Reporter,
    *,
    calibration: Calibration | None = None,
    samples: int = DEFAULT_SAMPLES,
    precision: str = "",
) -> tuple[Runtime, Sampling]:
    """Return the runtime of a model file's networks, and which networks it computes.

    Args:
        name: ``auto``, ``torch`` or ``openvino``, as in `make_runtime`.
        device: ``auto``, ``cpu`` or ``cuda``.
        card: The network.
        tensors: Its weights, or those of an ensemble, which always predicts with all members.
        report: Gets a line with the runtime that was chosen.
        calibration: How the uncertainty is found; None: none is wanted.
        samples: Networks to draw by dropout where it follows from these.
        precision: ``float32``, or empty for the fastest.

    Raises:
        SeaIceError: Samples are wanted from a network that has none to give.
    """
    count = checkpoint.member_count(tensors)
    members = [checkpoint.member(tensors, number) for number in range(count)]
    classes = SicClasses.from_dict(card.classes) if card.classes else None
    masks, sampling = None, Sampling(classes=classes, calibration=calibration)
    if count > 1:
        report.info(f"an ensemble of {count} networks predicts: SIC is their mean")
        sampling = Sampling(ENSEMBLE, count, classes, calibration)
    elif calibration and calibration.source == DROPOUT:
        seed = int(card.training.get("seed", 0))
        masks = masks_of(NetworkConfig.from_dict(card.network), samples, seed)
        sampling = Sampling(DROPOUT, samples, classes, calibration)
    return make_runtime(name, device, card, members, report, masks, precision), sampling


class IntervalMap:
    """The 90 % interval of the mean SIC over footprints, made tile by tile.

    Maps are averaged over the footprint first, then their spread is taken: deviations of pixels
    cannot be averaged.

    Args:
        grid: The scene's grid.
        card: The network.
        sampling: Which networks the maps are of; it has a calibration.
    """

    def __init__(self, grid: Grid, card: ModelCard, sampling: Sampling) -> None:
        assert sampling.calibration is not None
        self._grid = grid
        self._card = card
        self._sampling = sampling
        self._calibration = sampling.calibration
        self.footprint_m = card.footprint_m or grid.resolution_m
        count, footprint_px = 1 + sampling.spread_count, self.footprint_m / grid.resolution_m
        self._fields = FootprintFields(grid.shape, count, footprint_px)

    def add(self, window: Window, sic: Floats, samples: Floats, valid: Mask) -> None:
        """Add a tile's core: SIC (h, w), the maps that the spread is of (N, h, w), and where."""
        self._fields.add(window, np.concatenate([sic[None], samples]), valid)

    def write(
        self, path: str, unseen: OutOfDistribution | None, report: Reporter
    ) -> dict[str, float]:
        """Write the interval and its half-width, on cells of an eighth of the footprint.

        Args:
            path: The file.
            unseen: What of the scene is out of distribution; None where that is unknown.
            report: Informed whether the uncertainty is calibrated.

        Returns:
            The mean half-width in percent as the job's number; nothing without cells.
        """
        means, valid = self._fields.means()
        calibration = self._calibration
        lower, upper = calibration.interval(means[0], self._sampling.spread(means[1:]))
        half = (upper - lower) / 2
        (report.warning if calibration.reason else report.info)(self._text())
        bands = [BandInfo(name, "%") for name in (LOWER_BAND, UPPER_BAND, HALF_WIDTH_BAND)]
        layers = [layer.astype(np.float32) for layer in (lower, upper, half)]
        if unseen is not None:
            bands.append(BandInfo("Share of pixels unlike the training data", "%"))
            layers.append(unseen.share_map() * np.float32(100))
        cell = self._fields.cell_px
        tags = {
            "SEAICE_FOOTPRINT_M": f"{self.footprint_m:g}",
            "SEAICE_UNCERTAINTY": f"90 % interval by {self._source()}",
            "SEAICE_CALIBRATED": "no" if calibration.reason else "yes",
        }
        if calibration.reason:
            tags["SEAICE_NOT_CALIBRATED"] = calibration.reason
        grid = self._grid.coarsened(cell, cell)
        with RasterWriter(path, grid, bands, tags=tags) as writer:
            writer.write(grid.window, np.stack(layers))
        return {"MEAN_UNCERTAINTY": float(half[valid].mean())} if valid.any() else {}

    def _source(self) -> str:
        text = SOURCES[self._calibration.source]
        return text + f", {self._sampling.count} networks" * (self._sampling.spread_count > 1)

    def _text(self) -> str:
        if self._calibration.reason:
            return f"The uncertainty is not calibrated: {self._calibration.reason}"
        values = self._card.calibration or {}
        held = 100 * values["coverage_of_parts_left_out"]
        return (
            f"Uncertainty: 90 % interval of means over {self.footprint_m / 1000:.3g} km by"
            f" {self._source()}, calibrated on {values['parts']} validation {values['noun']}; it"
            f" held {held:.0f} % of those that were left out"
        )
