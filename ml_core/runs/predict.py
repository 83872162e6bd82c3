"""The job `predict`: wires scene, network and output together."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from .. import checkpoint
from ..checkpoint import ModelCard
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.predict import PredictJob
from ..networks import Geometry, NetworkConfig, geometry
from ..networks.classes import SicClasses
from ..prediction.budget import cache_bytes, input_shape, keep_freed_memory, return_freed_memory
from ..prediction.channels import Channels, check_fit, with_channels_of
from ..prediction.classmap import ClassMap, classes_of, most_likely
from ..prediction.precision import MOST_RMSE_PERCENT, Trial
from ..prediction.runtimes.base import Runtime
from ..prediction.tiled import Normalisation, Predicted, TiledNetwork, TiledScene, Tiling
from ..prediction.training_distribution import Domain, Novelty
from ..prediction.uncertainty import SpreadMap, Tensors, make_sampled
from ..raster.grid import Window
from ..raster.radiometry import Floats, Mask
from ..raster.scene import Scene
from ..raster.tiles import strips
from ..raster.writing import BandInfo, RasterWriter

_BLOCK_PX = 256
"""Side of the outputs' blocks."""


def run(job: PredictJob, files: OutputFiles, report: Reporter) -> Done:
    """Predict the SIC of a scene and write it as a GeoTIFF.

    Raises:
        SeaIceError: The model or a layer cannot be used, or the output cannot be written.
    """
    assert job.model is not None
    assert job.output is not None
    output = files.stage(job.output)
    uncertainty = files.stage(job.uncertainty) if job.uncertainty else ""
    class_map = files.stage(job.class_map) if job.class_map else ""
    card, tensors = checkpoint.load(job.model)
    classes = classes_of(card, Path(job.model).name) if class_map else None
    job = with_channels_of(job, card, report)
    budget = round(job.memory_gib * 2**30)
    return_freed_memory()
    with rasterio.Env(GDAL_CACHEMAX=cache_bytes(budget)):
        networks = _Networks(job, card, tensors, report)
        with Scene.open(job, card.resolution_m) as scene:
            places = _Outputs(output, uncertainty, class_map, classes)
            return _predict(job, card, scene, networks, places, budget, report)


class _Networks:
    """The networks of a model file, fast and exact.

    Attributes:
        runtime: The fastest runtime.
        sampling: How several networks are had.
        channel_count: Input channels.
        halo_px: The margin at which tiles are exact.
    """

    def __init__(
        self, job: PredictJob, card: ModelCard, tensors: Tensors, report: Reporter
    ) -> None:
        self._made_with = job, card, tensors, report
        self.channel_count = len(card.channels)
        self.halo_px = geometry(NetworkConfig.from_dict(card.network)).overlap_px
        self.runtime, self.sampling = make_sampled(*self._made_with)

    def exact(self) -> Runtime:
        """Return the same in float32."""
        job, card, tensors, _ = self._made_with
        silent = Reporter(lambda event: None)
        return make_sampled(job, card, tensors, silent, precision="float32")[0]


@dataclass(frozen=True)
class _Outputs:
    sic: str
    uncertainty: str
    class_map: str
    classes: SicClasses | None


def _predict(
    job: PredictJob,
    card: ModelCard,
    scene: Scene,
    networks: _Networks,
    places: _Outputs,
    budget: int,
    report: Reporter,
) -> Done:
    for note in scene.notes:
        report.warning(note)
    if not set(card.channels) <= set(scene.channels):
        raise SeaIceError(
            f"{scene.label}: holds {', '.join(scene.channels)}, but {Path(job.model or '').name}"
            f" was trained with {', '.join(card.channels)}; give a scene of these"
        )
    shape = geometry(NetworkConfig.from_dict(card.network))
    check_fit(scene, card, shape, report)
    source = Channels(scene, card.channels)
    normalisation = Normalisation(card.mean, card.std)
    sampling = networks.sampling
    trial = Trial(
        source,
        scene.grid.shape,
        shape,
        normalisation,
        lambda output: sampling.maps(output, np.ones(output.shape[1:], dtype=bool), card)[0],
    )
    tally = _Tally()
    spread = SpreadMap(scene.grid, card, sampling) if places.uncertainty else None
    with ExitStack() as stack:

        def begin(runtime: Runtime) -> tuple[TiledScene, TiledNetwork, Novelty | None]:
            novelty = _novelty(card, scene)
            tiling = _tiling(job, scene.grid.shape, networks, runtime, shape, budget)
            tiled = TiledScene(
                _Observed(source, novelty) if novelty else source,
                scene.grid.shape,
                tiling,
                normalisation,
                parallel=runtime.parallel,
            )
            network = TiledNetwork(runtime, tiling)
            # compiled while the precision is tried; should it fail, `predict` says so
            pool = stack.enter_context(ThreadPoolExecutor(1))
            pool.submit(network.prepare, tiled.tile_shape)
            return stack.enter_context(tiled), network, novelty

        runtime = networks.runtime
        tiled, network, novelty = begin(runtime)
        if not _is_exact_enough(networks, trial, report):
            stack.close()
            runtime = networks.exact()
            tiled, network, novelty = begin(runtime)
        _, height, width = tiled.tile_shape
        report.info(
            f"{scene.grid.height} x {scene.grid.width} px of {scene.grid.resolution_m:.4g} m,"
            f" tiles of {height} x {width} px with {network.halo_px} px of margin on each side"
        )
        tags = _tags(job, card, scene, runtime)
        writer = stack.enter_context(
            RasterWriter(
                places.sic,
                scene.grid,
                [BandInfo("Sea-ice concentration", "%")],
                tags=tags,
                compression=job.compression,
                block_px=_BLOCK_PX,
            )
        )
        class_map = None
        if places.classes is not None:
            class_map = stack.enter_context(
                ClassMap(places.class_map, scene.grid, places.classes, tags, _BLOCK_PX)
            )

        def write(predicted: Predicted) -> None:
            sic, samples = sampling.maps(predicted.output, predicted.valid, card)
            if spread is not None:
                spread.add(predicted.window, samples, predicted.valid)
            tally.add(sic, predicted.valid)
            writer.write(predicted.window, sic)
            if class_map is not None:
                members = sampling.members(predicted.output)
                class_map.write(predicted.window, most_likely(members, predicted.valid))

        started = time.perf_counter()
        tiled.predict(network, write, report.part(0.0, 0.95))
        seconds = time.perf_counter() - started
        keep_freed_memory()
        report.check_cancelled()
    megapixels = network.processed_px / 1e6
    report.info(
        f"{megapixels:.1f} Mpx, margins included, through the network in {seconds:.1f} s:"
        f" {megapixels / seconds:.1f} Mpx/s"
    )
    if tally.count == 0:
        raise SeaIceError(
            f"{scene.label}: no pixel of the scene could be predicted; HH, HV and the mask leave"
            " none valid"
        )
    numbers = {
        "MEAN_SIC": tally.total / tally.count,
        "VALID_FRACTION": tally.count / (scene.grid.height * scene.grid.width),
    }
    if novelty is not None:
        numbers["NOVEL_FRACTION"] = novelty.share
        if novelty.warning():
            report.warning(novelty.warning())
    outputs = {"OUTPUT": job.output or ""}
    if job.class_map:
        outputs["CLASS_MAP"] = job.class_map
    if spread is not None:
        mean = spread.write(places.uncertainty, novelty, report)
        if mean is not None:
            numbers["MEAN_UNCERTAINTY"] = mean
        outputs["UNCERTAINTY"] = job.uncertainty or ""
    report.info(
        f"Mean SIC {numbers['MEAN_SIC']:.1f} %, {100 * numbers['VALID_FRACTION']:.1f} % of the"
        " pixels have one"
    )
    return Done(outputs, numbers)


def _novelty(card: ModelCard, scene: Scene) -> Novelty | None:
    domain = Domain.from_dict(card.training.get("domain"))
    if domain is None:
        return None
    footprint_px = (card.footprint_m or scene.grid.resolution_m) / scene.grid.resolution_m
    return Novelty(domain, card.channels, scene.grid.shape, footprint_px)


class _Observed:
    """A source whose pixels are compared with the training's while they are read.

    Args:
        source: The source.
        novelty: Gets every window.
    """

    def __init__(self, source: Channels, novelty: Novelty) -> None:
        self._source = source
        self._novelty = novelty

    def read(self, window: Window, *, out: Floats | None = None) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), in `out` where given, and the valid mask (h, w)."""
        values, valid = self._source.read(window, out=out)
        self._novelty.add(window, values, valid)
        return values, valid


class _Tally:
    """Sums over everything that was predicted."""

    def __init__(self) -> None:
        self.total = 0.0
        self.count = 0

    def add(self, sic: Floats, valid: Mask) -> None:
        for rows in strips(valid.shape):
            known = sic[rows] if valid[rows].all() else sic[rows][valid[rows]]
            self.total += float(known.sum())
            self.count += known.size


def _is_exact_enough(networks: _Networks, trial: Trial, report: Reporter) -> bool:
    """Say whether the fastest runtime may predict; tells the user why not."""
    precision = networks.runtime.precision
    if precision == "float32":
        return True
    rmse = trial.rmse_percent(networks.runtime, networks.exact())
    if rmse is None:
        return True
    if rmse > MOST_RMSE_PERCENT:
        report.info(
            f"in {precision} this network would be off by {rmse:.2g} % SIC; it is computed in"
            " float32, at about half the speed"
        )
        return False
    report.info(f"{precision} against float32: RMSE {rmse:.2g} % SIC")
    return True


def _tiling(
    job: PredictJob,
    scene_shape: tuple[int, int],
    networks: _Networks,
    runtime: Runtime,
    shape: Geometry,
    budget: int,
) -> Tiling:
    halo = networks.halo_px if job.overlap is None else job.overlap
    if job.tile_size:
        return Tiling.of_cores(job.tile_size, halo, shape.multiple)
    most = input_shape(runtime, budget, scene_shape, networks.channel_count, halo, shape.multiple)
    return Tiling(most, halo, shape.multiple)


def _tags(job: PredictJob, card: ModelCard, scene: Scene, runtime: Runtime) -> dict[str, str]:
    """Return the metadata of the outputs."""
    tags = {
        **{k: text for k, text in scene.acquisition.items() if k != "SEAICE_POLARISATION"},
        "SEAICE_MODEL": Path(job.model or "").name,
        "SEAICE_MODEL_CREATED": card.created,
        "SEAICE_RUNTIME": runtime.name,
        "SEAICE_PRECISION": runtime.precision,
        "SEAICE_RESOLUTION_M": f"{scene.grid.resolution_m:g}",
    }
    if card.footprint_m is not None:
        tags["SEAICE_REFERENCE_FOOTPRINT_M"] = f"{card.footprint_m:g}"
    return tags
