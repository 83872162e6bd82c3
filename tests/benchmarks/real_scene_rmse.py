"""Error of train and predict on the real scene, each half predicted from the other.

The scene (see its README) is cut into two folds: trained on rows 0-179 and evaluated on rows
230-392, and trained on rows 213-392 and evaluated on rows 0-162; the rows between are not used.
Each fold is run with several seeds by the worker, train then predict, with the defaults of both
jobs. It takes minutes for each fold and seed, so it is no part of `make bench`.

    python tests/benchmarks/real_scene_rmse.py [NAME=VALUE ...] [--seeds 1 2 3] [--folds 0 1]

NAME=VALUE are further parameters of train, such as epochs=40. The data are looked for in
SEAICE_TEST_DATA. Prints one JSON line for each run, and the means.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from measuring import report, run_job
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

FOLDS = (((0, 180), (230, 393)), ((213, 393), (0, 163)))
"""First and last + 1 row of training and test."""

FOOTPRINT_PX = 12_000 / 254.45
SIGMA_PER_FWHM = 1 / 2.3548


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    options = parser.parse_args()
    more = dict(text.split("=", 1) for text in options.parameters)
    scene = real_scene()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            for fold in options.folds:
                result = run(scene, Path(folder), fold, seed, more)
                results.append(result)
                print(json.dumps(result), flush=True)
    for name in ("rmse", "rmse_footprint", "train_seconds"):
        for fold in options.folds:
            values = [result[name] for result in results if result["fold"] == fold]
            show(f"real_scene_{name}_fold{fold}", statistics.mean(values), name)
        show(f"real_scene_{name}", statistics.mean(result[name] for result in results), name)


def show(metric, value, name):
    report(metric, round(value, 2), "s" if name.endswith("seconds") else "% SIC")


def real_scene():
    """The folder of the real scene."""
    folder = Path(os.environ.get("SEAICE_TEST_DATA", "")) / "nersc_course_scene"
    if not (folder / "hh.tif").exists():
        sys.exit(f"{folder}: no scene; let SEAICE_TEST_DATA name the folder of the test data")
    return folder


def run(scene, folder, fold, seed, more):
    """Train on a fold's rows, predict the whole scene, and evaluate the fold's test rows."""
    (first, stop), (test_first, test_stop) = FOLDS[fold]
    layers = {}
    for name, file in (("hh", "hh.tif"), ("hv", "hv.tif"), ("reference", "sic.tif")):
        layers[name] = crop(scene / file, folder / f"{fold}_{file}", first, stop)
    model, output = str(folder / "model.safetensors"), str(folder / "sic.tif")
    trained = run_job("train", **{**layers, "seed": seed, "model": model, **more})
    whole = {name: str(scene / f"{name}.tif") for name in ("hh", "hv")}
    run_job("predict", **whole, model=model, output=output)
    with rasterio.open(output) as dataset:
        predicted = dataset.read(1)
    with rasterio.open(scene / "sic.tif") as dataset:
        reference = dataset.read(1)
    assert predicted.shape == reference.shape, "the model works at the scene's resolution"
    averaged = gaussian_filter(predicted, FOOTPRINT_PX * SIGMA_PER_FWHM)
    rows = slice(test_first, test_stop)
    error = predicted[rows] - reference[rows]
    return {
        "fold": fold,
        "seed": seed,
        "rmse": rms(error),
        "bias": float(error.mean()),
        "rmse_footprint": rms(averaged[rows] - reference[rows]),
        "train_rmse": trained.numbers["TRAIN_RMSE"],
        "validation_rmse": trained.numbers.get("VALIDATION_RMSE"),
        "best_epoch": trained.numbers["BEST_EPOCH"],
        "train_seconds": trained.seconds,
    }


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def crop(source, target, first, stop):
    """Write rows of a raster to a file of their own, georeferenced."""
    with rasterio.open(source) as dataset:
        window = Window(0, first, dataset.width, stop - first)
        profile = {**dataset.profile, "height": stop - first}
        profile["transform"] = dataset.window_transform(window)
        with rasterio.open(target, "w", **profile) as cropped:
            cropped.write(dataset.read(1, window=window), 1)
    return str(target)


if __name__ == "__main__":
    main()
