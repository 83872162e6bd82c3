"""Open water: what a fitted network predicts on a scene that is known to hold no ice."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..checkpoint import ModelCard
from ..datasets.normalisation import Normalisation
from ..datasets.provenance import KnownScenes
from ..errors import SeaIceError
from ..evaluation.extent import EDGE_PERCENT
from ..evaluation.openwater import OpenWater, WaterSums
from ..events import Reporter
from ..jobs.inputs import ChannelInputs
from ..jobs.train import TrainJob
from ..networks import NetworkConfig, geometry
from ..networks.plan import Tensors
from ..prediction.scene_input import SceneInput, check_scene
from ..prediction.tiled import Predicted, TiledScene
from ..prediction.uncertainty import make_sampled
from ..raster.extra import ExpectedExtra
from ..raster.scene import Scene
from ..raster.tiles import Tiling

NOTABLE_SHARE: Final = 0.02
"""More false ice than this is warned of: 2 % of a scene of 400 km are 3200 square kilometres."""

_TILE_PX: Final = 512
_WHO: Final = "the network learns from"


def inputs_of(job: TrainJob) -> ChannelInputs | None:
    """Return the layers of the scene of open water; None where none is given."""
    if job.water_hh is None:
        return None
    return ChannelInputs(
        hh=job.water_hh,
        hv=job.water_hv,
        incidence=job.water_incidence,
        units=job.units,
        extra=job.water_extra,
    )


def check(job: TrainJob, channels: tuple[str, ...]) -> None:
    """Check before the network is fitted that the scene of open water can be predicted.

    Args:
        job: The layers.
        channels: Those of the network.

    Raises:
        SeaIceError: A layer cannot be used, or one that the network needs is missing.
    """
    inputs = inputs_of(job)
    if inputs is None:
        return
    with Scene.open(inputs, expected=ExpectedExtra.among(channels, _WHO)) as scene:
        missing = set(channels) - set(scene.channels)
        if missing:
            raise SeaIceError(
                f"the scene of open water, {scene.label}, holds {', '.join(scene.channels)}; the"
                f" network learns from {', '.join(channels)}: give {', '.join(sorted(missing))} of"
                " open water too"
            )


def predicted(
    job: TrainJob, card: ModelCard, tensors: Tensors, report: Reporter
) -> OpenWater | None:
    """Return what a network predicts on the job's scene of open water; None where none is given.

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
    with Scene.open(inputs, card.resolution_m, ExpectedExtra.among(card.channels, _WHO)) as scene:
        shape = geometry(NetworkConfig.from_dict(card.network))
        check_scene(scene, card, "the network", shape, report)
        known = KnownScenes.of_training(card.training, "the network")
        if differs := known.contradiction(scene.acquisition, scene.label):
            report.warning(differs)
        sums = WaterSums(scene.label, scene.grid)
        silent = Reporter(lambda event: None)
        runtime, sampling = make_sampled("torch", job.device, card, tensors, silent)
        size = max(1, _TILE_PX // shape.multiple) * shape.multiple

        def write(predicted: Predicted) -> None:
            sic = sampling.maps(predicted.output, predicted.valid)[0]
            angle = None
            if "incidence_angle" in scene.channels:
                values, _ = scene.read(predicted.window)
                angle = values[scene.channels.index("incidence_angle")]
            sums.add(predicted.window, sic, predicted.valid, angle)

        with TiledScene(
            SceneInput(scene, card.channels, Normalisation.of(card.mean, card.std)),
            runtime,
            Tiling.of_cores(size, shape.overlap_px, shape.multiple),
        ) as tiled:
            tiled.predict(write, report)
        found = sums.result()
        if found is None:
            raise SeaIceError(
                f"{scene.label}: no pixel of the scene of open water is valid in all layers"
            )
    text = (
        f"Open water, {found.name}: mean SIC {found.mean_percent:.1f} %,"
        f" {100 * found.ice_share:.1f} % of the pixels are called ice (SIC of {EDGE_PERCENT:.0f} %"
        " or more)"
    )
    if found.ice_share > NOTABLE_SHARE:
        report.warning(f"{text}. Train the network on such water too, with a SIC of 0")
    else:
        report.info(text)
    return found


def noted(card: ModelCard, found: OpenWater | None) -> ModelCard:
    """Return a model card that says what the network predicts on open water."""
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
