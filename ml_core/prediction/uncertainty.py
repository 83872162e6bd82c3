"""Uncertainty: networks that might as well be right, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import checkpoint
from ..checkpoint import ModelCard
from ..errors import SeaIceError
from ..events import Reporter
from ..networks import NetworkConfig, plan
from ..networks.classes import SicClasses
from ..networks.fully_convolutional import as_map
from ..networks.layer import LayerKind
from ..networks.output import sic_of_each
from ..networks.plan import Tensors
from ..observation.footprint import FootprintFields
from ..raster.grid import Grid, Window
from ..raster.radiometry import Floats, Mask
from ..raster.writing import BandInfo, RasterWriter
from .calibration import Calibration
from .runtimes.base import Runtime
from .runtimes.choose import make_runtime
from .sampling import Masks, draw_masks
from .training_distribution import OutOfDistribution

DROPOUT, ENSEMBLE = "dropout", "ensemble"

DEFAULT_SAMPLES = 16

_MOST_WIDENED = 1.5
"""Intervals that blocks left out asked to be wider than this are doubted."""


@dataclass(frozen=True)
class Sampling:
    """Which networks a runtime computes: one, the members of an ensemble, or samples by dropout.

    Attributes:
        method: ``dropout``, ``ensemble``, or empty for a single network.
        count: Networks whose spread counts; 1 for a single one.
        classes: The classes that the networks score; None: they give the SIC as a fraction.
    """

    method: str = ""
    count: int = 1
    classes: SicClasses | None = None

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

    def maps(self, output: Floats, valid: Mask) -> tuple[Floats, Floats]:
        """Return the SIC and the samples that networks' output stands for.

        Args:
            output: (K * O, h, w) of all networks; it is overwritten.
            valid: (h, w).

        Returns:
            SIC in percent (h, w) - with dropout off, or the mean of an ensemble - and samples
            (count, h, w).
        """
        sics = sic_of_each(output, valid, self.total, self.classes)
        if self.method == DROPOUT:
            return sics[0], sics[1:]
        return sics[0] if self.count == 1 else sics.mean(axis=0), sics

    def sic(self, output: Floats) -> Floats:
        """Return the SIC of an output that is valid everywhere, likewise."""
        return self.maps(output, np.ones(output.shape[1:], bool))[0]


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
    samples: int = 0,
    precision: str = "",
) -> tuple[Runtime, Sampling]:
    """Return the runtime of a model file's networks, and which networks it computes.

    Args:
        name: ``auto``, ``torch`` or ``openvino``, as in `make_runtime`.
        device: ``auto``, ``cpu`` or ``cuda``.
        card: The network.
        tensors: Its weights, or those of an ensemble, which always predicts with all members.
        report: Gets a line with the runtime that was chosen.
        samples: Networks to draw by dropout from a single one; 0: none.
        precision: ``float32``, or empty for the fastest.

    Raises:
        SeaIceError: Samples are wanted from a network that has none to give.
    """
    count = checkpoint.member_count(tensors)
    members = [checkpoint.member(tensors, number) for number in range(count)]
    classes = SicClasses.from_dict(card.classes) if card.classes else None
    masks, sampling = None, Sampling(classes=classes)
    if count > 1:
        report.info(f"an ensemble of {count} networks predicts: SIC is their mean")
        sampling = Sampling(ENSEMBLE, count, classes)
    elif samples:
        seed = int(card.training.get("seed", 0))
        masks = masks_of(NetworkConfig.from_dict(card.network), samples, seed)
        sampling = Sampling(DROPOUT, samples, classes)
    return make_runtime(name, device, card, members, report, masks, precision), sampling


class SpreadMap:
    """The spread of samples over footprints, made tile by tile.

    Samples are averaged over the footprint first, then their spread is taken: deviations of pixels
    cannot be averaged.

    Args:
        grid: The scene's grid.
        card: The network.
        sampling: Which networks the samples are of.
    """

    def __init__(self, grid: Grid, card: ModelCard, sampling: Sampling) -> None:
        self._grid = grid
        self._card = card
        self._sampling = sampling
        self.footprint_m = card.footprint_m or grid.resolution_m
        self._fields = FootprintFields(
            grid.shape, sampling.count, self.footprint_m / grid.resolution_m
        )

    @property
    def footprint_px(self) -> float:
        """The footprint in pixels of the scene's grid."""
        return self.footprint_m / self._grid.resolution_m

    def add(self, window: Window, samples: Floats, valid: Mask) -> None:
        """Add the samples (count, h, w) of a tile's core and where they hold (h, w)."""
        self._fields.add(window, samples, valid)

    def write(self, path: str, unseen: OutOfDistribution | None, report: Reporter) -> float | None:
        """Write the standard deviation, on cells of an eighth of the footprint.

        Args:
            path: The file.
            unseen: What of the scene is out of distribution; None where that is unknown.
            report: Informed whether the uncertainty is calibrated.

        Returns:
            The mean standard deviation in percent; None without cells.
        """
        means, valid = self._fields.means()
        spread = means.std(axis=0, ddof=1)
        calibration, note = self._calibration()
        if calibration is None:
            report.warning(note)
            std = spread
        else:
            report.info(note)
            if self._doubt():
                report.warning(self._doubt())
            std = calibration.apply(spread, means.mean(axis=0)).astype(np.float32)
        bands = [BandInfo("Standard deviation of the mean SIC over a footprint", "%")]
        layers = [std]
        if unseen is not None:
            bands.append(BandInfo("Share of pixels unlike the training data", "%"))
            layers.append(unseen.share_map() * np.float32(100))
        cell = self._fields.cell_px
        tags = {
            "SEAICE_FOOTPRINT_M": f"{self.footprint_m:g}",
            "SEAICE_UNCERTAINTY": f"{self._sampling.method}, {self._sampling.count} networks",
            "SEAICE_CALIBRATED": "no" if calibration is None else "yes",
        }
        grid = self._grid.coarsened(cell, cell)
        with RasterWriter(path, grid, bands, tags=tags) as writer:
            writer.write(grid.window, np.stack(layers).astype(np.float32))
        return float(std[valid].mean()) if valid.any() else None

    def _doubt(self) -> str:
        """Return a line where blocks left out of the calibration say little good of it."""
        values = self._card.calibration or {}
        held, widened = values.get("coverage_of_blocks_left_out"), values.get("widened", 1.0)
        parts = values.get("held_out", "blocks")
        if held is None:
            return (
                f"the uncertainty was calibrated on a single {parts[:-1]}, so that nothing could"
                " check it: take it as a rough guide"
            )
        if widened <= _MOST_WIDENED:
            return ""
        return (
            f"the uncertainty's 90 % interval held {100 * held:.0f} % of {parts} that were left"
            f" out of its calibration, so it was made {widened:.1f} times as wide: even on"
            " what it was trained on it is a rough guide"
        )

    def _calibration(self) -> tuple[Calibration | None, str]:
        values = self._card.calibration
        if values is None or values.get("method") != self._sampling.method:
            return None, (
                "the uncertainty is not calibrated: the network's file says nothing of how far"
                f" {self._sampling.method} samples are from the truth; take it as relative only"
            )
        calibration = Calibration.from_dict(values)
        return calibration, (
            f"Uncertainty of means over {self.footprint_m / 1000:.3g} km, calibrated on"
            f" {values.get('footprints', 0):.0f} independent footprints of validation"
            f" {values.get('held_out', 'blocks')}" + calibration.note
        )
