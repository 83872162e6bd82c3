"""Open water: what a fitted network makes of a scene that is known to hold no ice."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from .. import checkpoint
from ..checkpoint import ModelCard
from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.inputs import SceneInputs
from ..jobs.train import TrainJob
from ..networks import NetworkConfig, geometry
from ..networks.halo import exact_halo
from ..observation.footprint import FootprintFields
from ..prediction.channels import Channels, check_fit
from ..prediction.runtimes.choose import make_runtime
from ..prediction.tiled import Normalisation, Predicted, TiledNetwork, TiledScene, Tiling
from ..prediction.uncertainty import ENSEMBLE, Sampling, Tensors
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.scene import Scene
from ..reports.openwater import ICE_PERCENT, OpenWater, by_angle

NOTABLE_SHARE: Final = 0.02
"""More false ice than this is warned of: 2 % of a scene of 400 km are 3200 square kilometres."""

_TILE_PX: Final = 512


def inputs_of(job: TrainJob) -> SceneInputs | None:
    """Return the layers of the scene of open water; None where none is given."""
    if job.water_hh is None:
        return None
    return SceneInputs(
        hh=job.water_hh, hv=job.water_hv, incidence=job.water_incidence, units=job.units
    )


def check(job: TrainJob, channels: tuple[str, ...]) -> None:
    """Check before the network is fitted that the scene of open water can be predicted.

    Args:
        job: The layers.
        channels: That the network will learn from.

    Raises:
        SeaIceError: A layer cannot be used, or one that the network needs is missing.
    """
    inputs = inputs_of(job)
    if inputs is None:
        return
    with Scene.open(inputs) as scene:
        missing = set(channels) - set(scene.channels)
        if missing:
            raise SeaIceError(
                f"the scene of open water, {scene.label}, holds {', '.join(scene.channels)}; the"
                f" network learns from {', '.join(channels)}: give {', '.join(sorted(missing))} of"
                " open water too"
            )


def shown(job: TrainJob, card: ModelCard, tensors: Tensors, report: Reporter) -> OpenWater | None:
    """Return what a network makes of the job's scene of open water; None where none is given.

    Args:
        job: The layers and the device.
        card: The network.
        tensors: Its weights, or those of an ensemble.
        report: Receives progress 0-1, and a warning where much of the water is called ice.

    Raises:
        SeaIceError: A layer cannot be read, or no pixel is valid.
    """
    inputs = inputs_of(job)
    if inputs is None:
        return None
    with Scene.open(inputs, card.resolution_m) as scene:
        for note in scene.notes:
            report.warning(note)
        config = NetworkConfig.from_dict(card.network)
        shape = geometry(config)
        check_fit(scene, card, shape, report)
        sums = _Sums(scene)
        count = checkpoint.member_count(tensors)
        silent = Reporter(lambda event: None)
        members = [checkpoint.member(tensors, k) for k in range(count)]
        runtime = make_runtime("torch", job.device, card, members, silent)
        sampling = Sampling(ENSEMBLE, count) if count > 1 else Sampling()
        size = max(1, _TILE_PX // shape.multiple) * shape.multiple
        tiling = Tiling.of_cores(size, exact_halo(config), shape.multiple)

        def write(predicted: Predicted) -> None:
            sic = sampling.maps(predicted.output, predicted.valid, card)[0]
            sums.add(predicted.window, sic, predicted.valid)

        with TiledScene(
            Channels(sums, card.channels),
            scene.grid.shape,
            tiling,
            Normalisation(card.mean, card.std),
            parallel=runtime.parallel,
        ) as tiled:
            tiled.predict(TiledNetwork(runtime, tiling), write, report)
        found = sums.result()
    text = (
        f"Open water, {found.name}: mean SIC {found.mean_percent:.1f} %,"
        f" {100 * found.ice_share:.1f} % of the pixels are called ice (SIC of {ICE_PERCENT:.0f} %"
        " or more)"
    )
    if found.ice_share > NOTABLE_SHARE:
        report.warning(f"{text}. Train the network on such water too, with a SIC of 0")
    else:
        report.info(text)
    return found


def noted(card: ModelCard, found: OpenWater | None) -> ModelCard:
    """Return a model card that tells what the network makes of open water."""
    if found is None:
        return card
    water = {
        "scene": found.name,
        "mean_percent": found.mean_percent,
        "ice_share": found.ice_share,
        "pixels": found.pixels,
        "by_incidence_deg": {
            row.label: {"share": row.share, "mean_percent": row.mean_percent}
            for row in found.by_angle
        },
    }
    return replace(card, metrics={**card.metrics, "open_water": water})


def numbers(found: OpenWater | None) -> dict[str, float]:
    """Return the job's numbers."""
    if found is None:
        return {}
    return {"WATER_MEAN_SIC": found.mean_percent, "WATER_ICE_SHARE": 100 * found.ice_share}


class _Sums:
    """A scene whose predictions are summed up; itself the source that is predicted.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.channels = scene.channels
        # SIC and false ice; a footprint of a pixel: plain means over the cells of a map
        self._fields = FootprintFields(scene.grid.shape, 2, 1.0)
        self._angles = FootprintFields(scene.grid.shape, 1, 1.0)
        self._total, self._ice, self._count = 0.0, 0, 0

    def read(self, window: Window, *, out: Floats | None = None) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), in `out` where given, and the valid mask (h, w)."""
        values, valid = self._scene.read(window, out=out)
        if "incidence_angle" in self.channels:
            inside = window.clipped(*self._scene.grid.shape)
            top, left = inside.row - window.row, inside.col - window.col
            part = np.s_[top : top + inside.height, left : left + inside.width]
            angle = values[self.channels.index("incidence_angle")][part]
            # margins of tiles count more than once, which leaves a mean as it is
            self._angles.add(inside, angle[None], valid[part])
        return values, valid

    def add(self, window: Window, sic_percent: Floats, valid: Mask) -> None:
        """Add the SIC (h, w) of a window."""
        ice = valid & (sic_percent >= ICE_PERCENT)
        self._total += float(np.sum(sic_percent, where=valid, dtype=np.float64))
        self._ice += int(ice.sum())
        self._count += int(valid.sum())
        self._fields.add(window, np.stack([sic_percent, ice.astype(np.float32)]), valid)

    def result(self) -> OpenWater:
        """Return the sums as a report shows them.

        Raises:
            SeaIceError: Nothing was predicted.
        """
        if not self._count:
            raise SeaIceError(
                f"{self._scene.label}: no pixel of the scene of open water is valid in all layers"
            )
        (sic, ice), _ = self._fields.means()
        angle = self._angles.means()[0][0]
        size = self._fields.cell_px
        height_m, width_m = self._scene.grid.nominal_pixel_size_m
        return OpenWater(
            name=self._scene.label,
            mean_percent=self._total / self._count,
            ice_share=self._ice / self._count,
            pixels=self._count,
            by_angle=by_angle(sic, ice, angle),
            sic_percent=sic,
            pixel_size_m=(size * height_m, size * width_m),
        )
