"""The job `predict`: a scene and a model file in, maps of SIC out."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import rasterio

from .. import checkpoint
from ..checkpoint import ModelCard
from ..datasets.normalisation import Normalisation
from ..datasets.provenance import KnownScenes
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs.predict import PredictJob
from ..networks import Geometry, NetworkConfig, geometry
from ..prediction import budget as memory
from ..prediction.classmap import check_classes
from ..prediction.maps import PredictedMaps
from ..prediction.precision import exact_enough, samples_of
from ..prediction.runtimes.base import Runtime
from ..prediction.scene_input import SceneInput, check_scene, extra_of, with_channels_of
from ..prediction.tiled import TiledScene
from ..prediction.training_distribution import OutOfDistribution
from ..prediction.uncertainty import DEFAULT_SAMPLES, calibration_of, make_sampled
from ..raster.scene import Scene
from ..raster.tiles import Tiling


def run(job: PredictJob, files: OutputFiles, report: Reporter) -> Done:
    """Predict the SIC of a scene and write it as a GeoTIFF.

    Raises:
        SeaIceError: The model or a layer cannot be used, or the output cannot be written.
    """
    assert job.model is not None
    names = ("output", "uncertainty", "class_map")
    wanted = {name: path for name in names if (path := getattr(job, name))}
    paths = {name: files.stage(path) for name, path in wanted.items()}
    card, tensors = checkpoint.load(job.model)
    model = Path(job.model).name
    if job.class_map:
        check_classes(card, model)
    job = with_channels_of(job, card, report)
    shape = geometry(NetworkConfig.from_dict(card.network))
    calibration = calibration_of(card, tensors) if job.uncertainty else None
    networks = partial(make_sampled, job.runtime, job.device, card, tensors)
    made = partial(networks, calibration=calibration, samples=job.samples or DEFAULT_SAMPLES)
    budget = round(job.memory_gib * 2**30)
    memory.return_freed_memory()
    with rasterio.Env(GDAL_CACHEMAX=memory.cache_bytes(budget)), ExitStack() as stack:
        runtime, sampling = made(report)
        scene = stack.enter_context(Scene.open(job, card.resolution_m, extra_of(card, model)))
        check_scene(scene, card, model, shape, report)
        KnownScenes.of_training(card.training, model).check(scene.acquisition, scene.label, report)

        silent = Reporter(lambda event: None)
        tried = samples_of(_input(card, scene), shape)
        # the first tile is read, and the network compiled, while the precision is checked
        tiled, unseen = _tiled(job, card, scene, shape, runtime, budget)
        stack.enter_context(tiled)
        exact = exact_enough(
            runtime, lambda: made(silent, precision="float32")[0], tried, sampling.sic, report
        )
        if exact is not runtime:
            tiled.close()
            runtime = exact
            tiled, unseen = _tiled(job, card, scene, shape, runtime, budget)
            stack.enter_context(tiled)
        grid, network = scene.grid, tiled.network
        _, height, width = tiled.tile_shape
        report.info(
            f"{grid.height} x {grid.width} px of {grid.resolution_m:.4g} m, tiles of {height} x"
            f" {width} px with {network.tiling.overlap} px of overlap on each side"
        )
        tags = _tags(card, model, scene, runtime)
        maps = PredictedMaps(paths, grid, card, sampling, tags, job.compression)
        stack.enter_context(maps)
        started = time.perf_counter()
        tiled.predict(maps.add, report.part(0.0, 0.95))
        seconds = time.perf_counter() - started
        memory.keep_freed_memory()
        report.check_cancelled()
    megapixels = network.processed_px / 1e6
    report.info(
        f"{megapixels:.1f} Mpx, overlaps included, through the network in {seconds:.1f} s:"
        f" {megapixels / seconds:.1f} Mpx/s"
    )
    if maps.count == 0:
        raise SeaIceError(
            f"{scene.label}: no pixel of the scene could be predicted; HH, HV and the mask leave"
            " none valid"
        )
    numbers = {
        "MEAN_SIC": maps.mean_sic,
        "VALID_FRACTION": maps.count / (grid.height * grid.width),
    }
    if unseen is not None:
        numbers["NOVEL_FRACTION"] = unseen.share
        if unseen.warning():
            report.warning(unseen.warning())
    if maps.intervals is not None:
        numbers |= maps.intervals.write(paths["uncertainty"], unseen, report)
    report.info(
        f"Mean SIC {numbers['MEAN_SIC']:.1f} %, {100 * numbers['VALID_FRACTION']:.1f} % of the"
        " pixels have one"
    )
    return Done({name.upper(): path for name, path in wanted.items()}, numbers)


def _tiled(
    job: PredictJob, card: ModelCard, scene: Scene, shape: Geometry, runtime: Runtime, budget: int
) -> tuple[TiledScene, OutOfDistribution | None]:
    """Return a scene that is read from now on, and what will be out of distribution in it."""
    unseen = OutOfDistribution.of(card, scene.grid)
    overlap = shape.overlap_px if job.overlap is None else job.overlap
    if job.tile_size:
        tiling = Tiling.of_cores(job.tile_size, overlap, shape.multiple)
    else:
        count = len(card.channels)
        tiling = memory.tiling_within(
            budget, runtime, scene.grid.shape, count, overlap, shape.multiple
        )
    return TiledScene(_input(card, scene, unseen), runtime, tiling), unseen


def _input(card: ModelCard, scene: Scene, unseen: OutOfDistribution | None = None) -> SceneInput:
    normalisation = Normalisation.of(card.mean, card.std)
    return SceneInput(scene, card.channels, normalisation, unseen.add if unseen else None)


def _tags(card: ModelCard, model: str, scene: Scene, runtime: Runtime) -> dict[str, str]:
    """Return the metadata of the outputs."""
    tags = {
        **{k: text for k, text in scene.acquisition.items() if k != "SEAICE_POLARISATION"},
        "SEAICE_MODEL": model,
        "SEAICE_MODEL_CREATED": card.created,
        "SEAICE_RUNTIME": runtime.name,
        "SEAICE_PRECISION": runtime.precision,
        "SEAICE_RESOLUTION_M": f"{scene.grid.resolution_m:g}",
    }
    if card.footprint_m is not None:
        tags["SEAICE_REFERENCE_FOOTPRINT_M"] = f"{card.footprint_m:g}"
    return tags
