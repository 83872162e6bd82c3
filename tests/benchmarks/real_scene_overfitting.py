"""The lecture's lesson on the real scene: trained long without regularisation, a network over-fits.

Compares U-Nets with and without dropout and L2, three seeds each, by the job comparenetworks, and
prints what the lesson says: whether the validation loss rises from its
minimum without regularisation, and whether regularisation ends with a higher training loss and a
lower validation loss. It takes some minutes, so it is no part of `make bench`.

    python tests/benchmarks/real_scene_overfitting.py REPORT.html [NAME=VALUE ...]

NAME=VALUE are further parameters of comparenetworks. The data are looked for in SEAICE_TEST_DATA.
Cancelled, it goes on where it was when it is started again with the same report.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import real_scene_rmse
from measuring import run_job

PARAMETERS = {
    "architecture": ["unet"],
    "dropout": [0, 0.3],
    "dropout_position": "blocks",
    "l2": [0, 0.001],
    "seeds": 3,
    "epochs": 40,
    "learning_rate": 0.002,
    # small chips of the scene at half its resolution: many steps in little time
    "resolution": 508.9,
    "chip_size": 80,
    "depth": [3],
    "augmentation": ["none"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    options = parser.parse_args()
    scene = real_scene_rmse.real_scene()
    more = dict(text.split("=", 1) for text in options.parameters)
    report = str(Path(options.report).absolute())
    layers = {"hh": "hh.tif", "hv": "hv.tif", "reference": "sic.tif"}
    job = {
        **{name: str(scene / file) for name, file in layers.items()},
        "footprint": 12000,
        **PARAMETERS,
        **more,
        "report": report,
        "table": str(Path(report).with_suffix(".csv")),
    }
    run_job("comparenetworks", **job)
    lines = Path(report).with_suffix(".runs.jsonl").read_text().splitlines()
    runs = [json.loads(line)["record"] for line in lines]
    for name in dict.fromkeys(run["regularisation"] for run in runs):
        show(name, [run for run in runs if run["regularisation"] == name])


def show(name, runs):
    training = np.mean([run["training_loss"] for run in runs], axis=0)
    validation = np.mean([run["validation_loss"] for run in runs], axis=0)
    smooth = np.convolve(validation, np.ones(3) / 3, "valid")
    figures = {
        "training_loss_last": training[-1],
        "validation_loss_last": validation[-1],
        "validation_loss_lowest": smooth.min(),
        "validation_rise": smooth[-1] / smooth.min(),
        "rmse_test": np.mean([run["rmse_percent"].get("test", np.nan) for run in runs]),
    }
    print(name, json.dumps({key: round(float(value), 3) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
