"""What a coarse reference costs: networks that learn pixel by pixel, in footprints, and the truth.

Scenes are simulated with wind and ice cover of their own; networks learn from a training set of
twelve and map four others, whose true SIC is known: matched pixel by pixel (A), as the reference
sees the ground (B), and from the truth itself (C). Printed is the RMSE of the pixels against the
truth, and of means over footprints against the reference; (A - B) / (A - C) is the share of what
pixel matching loses that footprints get back. It takes minutes for each network and seed, so it is
no part of `make bench`.

    python tests/benchmarks/simulated_truth.py [NAME=VALUE ...] [--seeds 1 2 3] [--kinds A B C]
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from measuring import report, run_job
from rasterio.enums import Resampling

LAYERS = "hh", "hv", "incidence", "reference", "true_sic"
CHANNELS = LAYERS[:3]
KINDS = {"A": ("reference", "pixels"), "B": ("reference", "auto"), "C": ("true_sic", "pixels")}
"""What is learnt from, and how it is matched."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--side", type=int, default=600, help="px of 200 m")
    parser.add_argument("--folder", type=Path, help="keeps the scenes")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="more of train")
    options = parser.parse_args()
    more = dict(text.split("=", 1) for text in options.parameters)
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        scenes = [scene(folder, number, options.side) for number in range(1, 17)]
        found = {}
        for kind in options.kinds:
            training_set = built(folder, kind, scenes[:12])
            for seed in options.seeds:
                errors = errors_of(folder, kind, training_set, scenes[12:], seed, more)
                found.setdefault(kind, []).append(errors)
                report(f"{kind}_seed{seed}_rmse_pixels", round(errors[0], 2), "% SIC")
                report(f"{kind}_seed{seed}_rmse_footprints", round(errors[1], 2), "% SIC")
    mean = {kind: statistics.mean(one[0] for one in errors) for kind, errors in found.items()}
    for kind, value in mean.items():
        report(f"{kind}_rmse_pixels", round(value, 2), "% SIC")
    if set(mean) == set(KINDS):
        report("recovered", round((mean["A"] - mean["B"]) / (mean["A"] - mean["C"]), 2), "")


def scene(folder, number, side):
    """Simulate a scene, whose number decides wind and ice cover; return its files."""
    names = {name: str(folder / f"{name}{number}.tif") for name in LAYERS}
    if not Path(names["hh"]).exists():
        more = {"ice_fraction": 30.0 + 10 * (number % 5), "wind_speed": 3.0 + 2 * (number % 4)}
        size = {"width": side, "height": side, "resolution": 200.0}
        run_job("simulatescene", seed=number, **size, **more, **names)
    return names


def built(folder, kind, scenes):
    """Build the training set of a kind; return its folder."""
    reference = KINDS[kind][0]
    target = folder / f"set_{reference}"
    for number, names in enumerate(scenes, 1):
        layers = {name: names[name] for name in CHANNELS}
        own = {"footprint": 200.0} if reference == "true_sic" else {}
        run_job(
            "buildtrainingset",
            training_set=str(target),
            name=f"scene{number}",
            resolution=200.0,
            chip_size=160,
            reference=names[reference],
            **layers,
            **own,
        )
    return str(target)


def errors_of(folder, kind, training_set, tested, seed, more):
    """Train with a seed, map the tested scenes; return the RMSE of pixels and of footprints."""
    model, output = str(folder / "model.safetensors"), str(folder / "sic.tif")
    match = KINDS[kind][1]
    run_job("train", training_set=training_set, model=model, match=match, seed=seed, **more)
    squares, count, footprints = 0.0, 0, []
    for names in tested:
        layers = {name: names[name] for name in CHANNELS}
        run_job("predict", **layers, model=model, output=output)
        with rasterio.open(output) as dataset:
            sic = dataset.read(1, masked=True)
        with rasterio.open(names["true_sic"]) as dataset:
            truth = dataset.read(1, out_shape=sic.shape, resampling=Resampling.average)
        known = ~np.ma.getmaskarray(sic)
        squares += float(np.sum(np.square(sic.data[known] - truth[known], dtype=np.float64)))
        count += int(known.sum())
        table = str(folder / "evaluation.csv")
        done = run_job("evaluate", prediction=output, reference=names["reference"], table=table)
        footprints.append(done.numbers["RMSE"])
    return (squares / count) ** 0.5, statistics.mean(footprints)


if __name__ == "__main__":
    main()
