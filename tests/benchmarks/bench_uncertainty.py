"""Coverage of predicted uncertainty on simulated scenes, before and after calibration.

`python tests/benchmarks/bench_uncertainty.py [--members 3] [--epochs 10] [--scenes 8 --folds 3]`

A network learns from one simulated scene and its passive-microwave reference, or from a set of
scenes of other wind and ice cover; scenes of other seeds are predicted with uncertainty and
evaluated by their references. `--keep` names a folder for all files, such as the reports.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
from pathlib import Path

from measuring import report, run_job

from ml_core import checkpoint

TEST_SEEDS = (101, 102, 103)


def run(job: str, **parameters: object) -> dict[str, float]:
    """Run a job in a worker and show what it says of uncertainty; return its numbers."""
    done = run_job(job, **parameters)
    for text in done.texts:
        if "ncertainty" in text:
            print("   ", text)
    return done.numbers


def scene(folder: Path, seed: int, side: int) -> dict[str, str]:
    """Simulate a scene, whose seed decides wind and ice cover; return its files."""
    names = {name: str(folder / f"{name}{seed}.tif") for name in ("hh", "hv", "reference")}
    more = {"ice_fraction": 35.0 + 10 * (seed % 6), "wind_speed": 3.0 + 2 * (seed % 5)}
    size = {"width": side, "height": side, "resolution": 200.0}
    run("simulatescene", seed=seed, **size, **more, **names)
    return names


def training_data(folder: Path, scenes: int, side: int) -> dict[str, str]:
    """Simulate what is learnt from; return the parameters that name it."""
    if scenes == 1:
        return scene(folder, 1, side)
    found = {"training_set": str(folder / "set")}
    for seed in range(1, scenes + 1):
        run("buildtrainingset", **found, **scene(folder, seed, side))
    return found


def uncalibrated(model: str) -> str:
    """Write a copy of a network whose uncertainty is the bare spread of its samples."""
    card, tensors = checkpoint.load(model)
    bare = {**(card.calibration or {}), "scale": 1.0, "floors_percent": [0.0], "widened": 1.0}
    target = model.replace(".safetensors", "_bare.safetensors")
    checkpoint.save(target, tensors, dataclasses.replace(card, calibration=bare))
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=3, help="networks of the ensemble")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--side", type=int, default=1500, help="px of 200 m")
    parser.add_argument("--scenes", type=int, default=1, help="more than one: a training set")
    parser.add_argument("--folds", type=int, default=0, help="of a cross-validation")
    parser.add_argument("--keep", type=Path, help="folder for all files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        learnt = training_data(folder, options.scenes, options.side)
        scenes = {seed: scene(folder, seed, options.side) for seed in TEST_SEEDS}
        for members in sorted({1, options.members}):
            model = str(folder / f"members{members}.safetensors")
            found = run(
                "train",
                **learnt,
                model=model,
                report=model.replace(".safetensors", ".html"),
                members=members,
                folds=options.folds if members == 1 else 0,
                epochs=options.epochs,
            )
            card = checkpoint.read_card(model)
            calibration = card.calibration or {}
            print(f"{members} network(s): validation RMSE {found['VALIDATION_RMSE']:.1f} %")
            print("   ", {key: calibration[key] for key in sorted(calibration)})
            coverages: dict[str, list[float]] = {"before": [], "after": []}
            for seed in TEST_SEEDS:
                layers = scenes[seed]
                evaluated = {}
                for label, path in (("before", uncalibrated(model)), ("after", model)):
                    output, spread = str(folder / "sic.tif"), str(folder / "std.tif")
                    made = run(
                        "predict",
                        hh=layers["hh"],
                        hv=layers["hv"],
                        model=path,
                        output=output,
                        uncertainty=spread,
                    )
                    evaluated[label] = run(
                        "evaluate",
                        prediction=output,
                        reference=layers["reference"],
                        uncertainty=spread,
                        report=str(folder / "report.html"),
                        table=str(folder / f"{label}.csv"),
                    )
                for label, numbers in evaluated.items():
                    coverages[label].append(100 * numbers["COVERAGE_90"])
                after = evaluated["after"]
                print(
                    f"    scene {seed}: RMSE {after['RMSE']:.1f} % (best baseline"
                    f" {after.get('BASELINE_RMSE', float('nan')):.1f} %),"
                    f" mean uncertainty {made['MEAN_UNCERTAINTY']:.1f} %, 90 % interval holds"
                    f" {100 * evaluated['before']['COVERAGE_90']:.0f} % before,"
                    f" {100 * after['COVERAGE_90']:.0f} % after calibration,"
                    f" {after['COUNT']:.0f} cells, new pixels {100 * made['NOVEL_FRACTION']:.1f} %"
                )
            method = "dropout" if members == 1 else "ensemble"
            for label, values in coverages.items():
                report(f"coverage_90_{method}_{label}", statistics.mean(values), "%")


if __name__ == "__main__":
    main()
