"""Open water: a scene known to hold no ice, which trains or shows a network's false ice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from ..checkpoint import ModelCard
from ..datasets.normalisation import Normalisation
from ..datasets.open_water import TrainingWater, read_water
from ..datasets.provenance import KnownScenes
from ..datasets.training_data import TrainingData
from ..errors import SeaIceError
from ..evaluation.openwater import NOTABLE_SHARE, OpenWater, WaterSums
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


@contextmanager
def trained(job: TrainJob, data: TrainingData, report: Reporter) -> Iterator[TrainingWater | None]:
    """Read the job's scene of open water to train beside others; None where it is not to.

    Raises:
        SeaIceError: A layer cannot be read, or `read_water` refuses the scene.
    """
    inputs = inputs_of(job)
    if inputs is None or not job.water_trains:
        yield None
        return
    if "incidence_angle" not in data.channels:
        inputs = replace(inputs, incidence=None)
    with (
        Scene.open(inputs, data.resolution_m, ExpectedExtra.among(data.channels, _WHO)) as scene,
        read_water(scene, data, job.chip_size, job.validation_fraction, job.seed, report) as water,
    ):
        yield water


def predicted(
    job: TrainJob,
    card: ModelCard,
    tensors: Tensors,
    trains: TrainingWater | None,
    report: Reporter,
) -> OpenWater | None:
    """Return what a network predicts on the job's scene of open water; None where none is given.

    Args:
        job: The layers and the device.
        card: The network.
        tensors: Its weights, or those of an ensemble.
        trains: The scene, where it trained: what was held out of it is counted.
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
            values, _ = scene.read(predicted.window)
            angle = None
            if "incidence_angle" in scene.channels:
                angle = values[scene.channels.index("incidence_angle")]
            counted = None if trains is None else trains.counted(predicted.window)
            sums.add(predicted.window, sic, predicted.valid, values[0], angle, counted)

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
    if found.ice_share > NOTABLE_SHARE:
        remedy = "; add scenes of such wind" if trains else ": switch on Open water trains"
        report.warning(f"{found}. Let the network learn from such water{remedy}")
    else:
        report.info(str(found))
    return found
