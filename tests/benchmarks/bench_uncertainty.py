"""Coverage and width of the 90 % interval on simulated scenes that no training saw.

`python tests/benchmarks/bench_uncertainty.py [--sets 10] [--before calibration.py]`

Each set of scenes has its own weather and ice: a network learns from some by a cross-validation,
which calibrates it, and the others judge the interval at the cells of their reference. `--before`
names the file `ml_core/prediction/calibration.py` of version 0.2 or earlier, whose intervals of
the same network are then judged, too, and compared at equal coverage.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
from measuring import report

from ml_core import checkpoint, networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.split import Split
from ml_core.datasets.training_set import TrainingSet
from ml_core.jobs import BuildTrainingSetJob, SimulateSceneJob, TrainJob
from ml_core.networks import NetworkConfig
from ml_core.prediction.calibration import (
    DROPOUT,
    LEVEL,
    Calibrated,
    Calibration,
    Cells,
    calibrate,
)
from ml_core.prediction.uncertainty import DEFAULT_SAMPLES, Sampling, masks_of
from ml_core.raster.grid import Window
from ml_core.training import calibration as calibrating
from ml_core.training.device import choose
from ml_core.training.tasks import Regression
from ml_core.training.validation import Validator
from tests.builders.jobs import execute

RESOLUTION_M = 400.0


def add_scene(folder: Path, seed: int, side: int) -> None:
    """Simulate a scene, whose seed decides wind and ice, and add it to a training set."""
    rng = np.random.default_rng(seed)
    files = {name: str(folder / f"{name}.tif") for name in ("hh", "hv", "reference")}
    execute(
        SimulateSceneJob(
            seed=seed,
            width=side,
            height=side,
            resolution=RESOLUTION_M,
            ice_fraction=float(rng.uniform(20, 80)),
            wind_speed=float(rng.uniform(3, 12)),
            **files,
        )
    )
    where = {"training_set": str(folder / "set"), "name": f"s{seed}"}
    execute(BuildTrainingSetJob.from_dict({**where, "resolution": RESOLUTION_M, **files}))


def trained(folder: Path, options: argparse.Namespace) -> tuple[str, Cells]:
    """Train on the set in a folder; return the model file and the cells it was calibrated on."""
    seen: list[Cells] = []

    def noted(cells: Cells) -> Calibrated:
        seen.append(cells)
        return calibrate(cells)

    model = str(folder / "net.safetensors")
    job = TrainJob.from_dict(
        {
            "training_set": str(folder / "set"),
            "folds": options.folds,
            "epochs": options.epochs,
            "chip_size": 96,
            "filters": options.filters,
            "resolution": RESOLUTION_M,
            "model": model,
        }
    )
    with mock.patch.object(calibrating, "calibrate", noted):
        execute(job)
    return model, seen[0]


def judged(model: str, folder: Path, names: list[str]) -> Cells:
    """Return what the network in a file gives for whole scenes of a set, a part each."""
    card, tensors = checkpoint.load(model)
    config = NetworkConfig.from_dict(card.network)
    masks = masks_of(config, DEFAULT_SAMPLES, int(card.training["seed"]))
    device = choose("cpu")
    network = networks.restore(config, checkpoint.member(tensors, 0), masks).to(device.name)
    normalisation = Normalisation.of(card.mean, card.std)
    validator = Validator(normalisation, networks.geometry(config), device, Regression(True))
    predictors = calibrating._Predictors(network, validator, Sampling(DROPOUT, DEFAULT_SAMPLES))
    pieces = []
    for number, name in enumerate(names):
        data = TrainingSet.open(str(folder / "test" / "set")).data(name)
        whole = [Window(0, 0, *data.grid.shape)]
        split = Split.held_out(data.cells)
        pieces.append(calibrating._cells(predictors, data, split, whole, number, 1))
    return Cells.joined(pieces)


def figures(cells: Cells, calibration: Calibration) -> tuple[float, float]:
    """Return coverage and mean width in percent of an interval; all scenes count the same."""
    spread = cells.spreads_percent.get(calibration.source, np.zeros(len(cells)))
    lower, upper = calibration.interval(cells.sic_percent, spread)
    held = (lower <= cells.high_percent) & (cells.low_percent <= upper)
    return float(100 * (cells.weight @ held)), float(cells.weight @ (upper - lower))


def width_at_level(cells: Cells, calibration: Calibration) -> float:
    """Return the mean width in percent of the interval widened until it holds 90 % of the cells."""
    low, high = 0.0, 50.0
    for _ in range(40):
        middle = (low + high) / 2
        enough = figures(cells, calibration.wider(middle))[0] >= 100 * LEVEL
        low, high = (low, middle) if enough else (middle, high)
    return figures(cells, calibration.wider(high))[1]


def earlier(path: Path) -> Callable[[Cells], Calibration]:
    """Return what calibrated by the file of an earlier version."""
    spec = importlib.util.spec_from_file_location("earlier", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["earlier"] = module
    spec.loader.exec_module(module)

    def fitted(cells: Cells) -> Calibration:
        error = cells.sic_percent - np.clip(
            cells.sic_percent, cells.low_percent, cells.high_percent
        )
        old = module.Cells(error, cells.spreads_percent[DROPOUT], cells.sic_percent)
        found, held = module.calibrate(old), module.hold_out(old, cells.part)
        found = found.wider(max(1.0, held.factor))
        floors = list(found.floors_percent)
        return Calibration.from_dict(
            {"method": DROPOUT, "scale": found.scale, "floors_percent": floors}
        )

    return fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="number of the first set")
    parser.add_argument("--scenes", type=int, default=12, help="to learn from, in each set")
    parser.add_argument("--tests", type=int, default=6, help="scenes that judge, in each set")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--side", type=int, default=600, help="px of 400 m")
    parser.add_argument("--before", type=Path, help="an earlier version's calibration.py")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for number in range(options.first, options.first + options.sets):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "test").mkdir()
            for k in range(options.scenes + options.tests):
                of = folder if k < options.scenes else folder / "test"
                add_scene(of, 1000 * number + k, options.side)
            model, known = trained(folder, options)
            card = checkpoint.read_card(model)
            assert card.calibration is not None
            calibration = Calibration.from_dict(card.calibration)
            others = [f"s{1000 * number + options.scenes + k}" for k in range(options.tests)]
            cells = judged(model, folder, others)
        ways = {"now": calibration}
        if options.before:
            ways["before"] = earlier(options.before)(known)
        line = {}
        for way, one in ways.items():
            line[f"coverage_{way}"], line[f"width_{way}"] = figures(cells, one)
            line[f"width_at_90_{way}"] = width_at_level(cells, one)
        rmse = float(np.sqrt(cells.weight @ np.square(cells.below_percent + cells.above_percent)))
        line["rmse"] = rmse
        for key, value in line.items():
            found.setdefault(key, []).append(value)
        gains = {k: f"{g:+.3f}±{e:.3f}" for k, (g, e) in card.calibration["gains"].items()}
        print(
            f"set {number}: by {calibration.source} {gains},"
            f" {card.calibration['parts']} {card.calibration['noun']},"
            f" held out {100 * card.calibration['coverage_of_parts_left_out']:.0f} %, "
            + ", ".join(f"{key} {value:.1f}" for key, value in line.items())
            + f" ({time.perf_counter() - started:.0f} s)",
            flush=True,
        )
    for key, values in found.items():
        report(f"uncertainty_{key}", statistics.mean(values), "%")
        if key.startswith("coverage"):
            report(f"uncertainty_{key}_least", min(values), "%")
            report(f"uncertainty_{key}_most", max(values), "%")


if __name__ == "__main__":
    main()
