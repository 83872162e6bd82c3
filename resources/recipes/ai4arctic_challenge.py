"""Train on the scenes of the AI4Arctic challenge and score the network as the challenge does.

    python ai4arctic_challenge.py TRAIN TEST OUTPUT [NAME=VALUE ...]

TRAIN and TEST are folders of the data set's NetCDF files, raw or ready-to-train; the charts of
ready-to-train test scenes (…_reference.nc) lie beside them. OUTPUT is a folder for two training
sets, the network, its report and scores.csv. NAME=VALUE are parameters of Build training set and of
Train SIC network, such as RESOLUTION=160, AI4ARCTIC_CHANNELS=incidence_angle,btemp_36_5h or
EPOCHS=50.

What is there already is kept: scenes of the sets, and the network, so that the recipe can be
started again; remove the network to fit it anew. Of ready-to-train files a set takes 0.4 GB a scene
with the default channels, a quarter of it with RESOLUTION=160.

It prints the challenge's R2, which counts classes of tens of percent in all pixels of 80 m of all
test scenes together, and what is more telling of the network on another scene: the RMSE by pixel
with its 95 % interval from scenes drawn again, the RMSE of means over areas of one SIC (what a
chart says once is counted once), and the errors of each scene, in scores.csv.

Needs the Python that computes (Check environment names it); QGIS need not be there.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from ml_core import checkpoint
from ml_core.commandline import Printer
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.training_set import TrainingSet
from ml_core.errors import SeaIceError
from ml_core.evaluation.autoice import CHALLENGE_PIXEL_M, AutoIceResult, AutoIceScore
from ml_core.events import Reporter
from ml_core.files import OutputFiles
from ml_core.jobs import BuildTrainingSetJob, Job, TrainJob
from ml_core.networks import NetworkConfig, geometry
from ml_core.prediction.scene_input import SceneInput
from ml_core.prediction.tiled import Predicted, TiledScene
from ml_core.prediction.uncertainty import make_sampled
from ml_core.raster.tiles import Tiling

TILE_PX = 1024


def run(job: Job) -> None:
    """Run a job; its outputs are there as a whole or not at all."""
    with OutputFiles() as files:
        run_job = import_module(f"ml_core.runs.{job.NAME}").run
        run_job(job, files, Reporter(Printer(sys.stderr)))
        files.commit()


def parameters_of(job: type[Job], given: dict[str, str]) -> dict[str, Any]:
    """Return those of the parameters that a job has."""
    names = {name for name, _ in job.specs()}
    return {name: value for name, value in given.items() if name in names}


def check_apart(train: TrainingSet, test: TrainingSet) -> None:
    """Check that no image is in both sets, and that these are alike.

    Raises:
        SeaIceError: One is, or they are not.
    """
    if train.shared.channels != test.shared.channels:
        raise SeaIceError(
            f"{test.folder} holds {', '.join(test.shared.channels)}, {train.folder}"
            f" {', '.join(train.shared.channels)}; remove one of them to build it again"
        )
    images = [
        {each.record(name).acquisition.get("SEAICE_PRODUCT", name) for name in each.names()}
        for each in (train, test)
    ]
    both = sorted(images[0] & images[1])
    if both:
        raise SeaIceError(
            f"{len(both)} images are training and test scenes at once, the first is {both[0]}; take"
            " them out of one of the folders and sets, or the score says nothing"
        )


def score(model: Path, test: TrainingSet, report: Reporter) -> AutoIceResult:
    """Return what a network scores on a set's scenes."""
    card, tensors = checkpoint.load(str(model))
    runtime, sampling = make_sampled("auto", "auto", card, tensors, report)
    shape = geometry(NetworkConfig.from_dict(card.network))
    size = max(1, TILE_PX // shape.multiple) * shape.multiple
    tiling = Tiling.of_cores(size, shape.overlap_px, shape.multiple)
    total = AutoIceScore()
    for name in test.names():
        data = test.data(name)
        sic = np.full(data.grid.shape, np.nan, np.float32)

        def write(tile: Predicted, sic: np.ndarray = sic) -> None:
            percent = sampling.maps(tile.output, tile.valid)[0]
            sic[tile.window.slices] = np.where(tile.valid, percent, np.nan)

        source = SceneInput(data, card.channels, Normalisation.of(card.mean, card.std))
        with TiledScene(source, runtime, tiling) as tiled:
            tiled.predict(write, Reporter(lambda event: None))
        total.add(name, sic, np.asarray(data.array[..., -1]), data.grid.resolution_m)
        report.info(f"{name}: scored")
    return total.result()


def summary(result: AutoIceResult, pixel_m: float) -> str:
    """Return the scores as lines to print."""
    pixels, areas = result.pixels, result.areas
    known = [each.rmse_percent for each in result.scenes.values() if each.rmse_percent is not None]
    r2 = "none, one class only" if result.r2_percent is None else f"{result.r2_percent:.2f} %"
    low_high = result.rmse_range_percent
    interval = "no interval for fewer than 20 scenes"
    if low_high:
        interval = f"95 % interval {low_high[0]:.1f} to {low_high[1]:.1f} %"
    lines = [
        f"R2 of the AutoICE challenge: {r2} ({pixels.count} pixels of {len(result.scenes)} scenes)",
        f"RMSE by pixel: {pixels.rmse_percent:.1f} % SIC ({interval}), bias"
        f" {pixels.bias_percent:+.1f} %",
        f"RMSE by scene: median {np.median(known):.1f} %, worst {max(known):.1f} % SIC",
    ]
    if areas.count:
        lines.append(
            f"RMSE of {areas.count} areas of one SIC: {areas.rmse_percent:.1f} % SIC, bias"
            f" {areas.bias_percent:+.1f} %"
        )
    if abs(pixel_m / CHALLENGE_PIXEL_M - 1) > 0.05:
        lines.append(
            f"The challenge counts pixels of {CHALLENGE_PIXEL_M:g} m, these have {pixel_m:.4g} m:"
            " do not set this R2 beside the challenge's"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the recipe and return the exit status."""
    if len(arguments) < 3 or not all("=" in text for text in arguments[3:]):
        print(__doc__, file=sys.stderr)
        return 2
    train, test, output = (Path(text) for text in arguments[:3])
    given = dict(text.split("=", 1) for text in arguments[3:])
    given = {name.lower(): value for name, value in given.items()}
    known = {name for job in (BuildTrainingSetJob, TrainJob) for name, _ in job.specs()}
    if unknown := sorted(set(given) - known):
        print(f"unknown parameters: {', '.join(unknown).upper()}", file=sys.stderr)
        return 2
    output.mkdir(parents=True, exist_ok=True)
    model = output / "ai4arctic.safetensors"
    try:
        building = parameters_of(BuildTrainingSetJob, given)
        for name, folder in (("train", train), ("test", test)):
            target = str(output / name)
            job = {**building, "ai4arctic": str(folder), "training_set": target}
            run(BuildTrainingSetJob.from_dict(job))
        sets = [TrainingSet.open(output / name) for name in ("train", "test")]
        check_apart(*sets)
        if model.exists():
            print(f"{model}: there already")
        else:
            job = parameters_of(TrainJob, given)
            job |= {"training_set": str(output / "train"), "model": str(model)}
            run(TrainJob.from_dict({"report": str(output / "training.html"), **job}))
        result = score(model, sets[1], Reporter(Printer(sys.stderr)))
    except SeaIceError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    with open(output / "scores.csv", "w", newline="", encoding="utf-8") as file:
        rows = [{"scene": name, **asdict(scores)} for name, scores in result.scenes.items()]
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    print(summary(result, sets[1].shared.resolution_m))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
