"""Every network with every task on the real scene: error, size and time, as one table.

Trained and evaluated on the two folds of `real_scene_rmse`, by the worker, with the defaults of
train but for what is named here: 12 epochs (300 steps), no validation part and no refit. It takes
some minutes, so it is no part of `make bench`.

    python tests/benchmarks/real_scene_networks.py [NAME=VALUE ...] [--seeds 1] [--networks unet]

NAME=VALUE are further parameters of train. The data are looked for in SEAICE_TEST_DATA. Prints a
line of Markdown for each network and task.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import real_scene_rmse

from ml_core import networks
from ml_core.jobs.choices import ARCHITECTURES, TASKS
from ml_core.networks import NetworkConfig


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--networks", nargs="+", default=[one.id for one in ARCHITECTURES])
    options = parser.parse_args()
    more = {"epochs": 12, "validation_fraction": 0}
    more.update(text.split("=", 1) for text in options.parameters)
    scene = real_scene_rmse.real_scene()
    print("| network | task | parameters | RMSE fold 1 | RMSE fold 2 | mean | train, s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for network in options.networks:
            for task in (choice.id for choice in TASKS):
                parameters = {"architecture": network, "task": task, **more}
                folds = [
                    [
                        real_scene_rmse.run(scene, Path(folder), fold, seed, parameters)
                        for seed in options.seeds
                    ]
                    for fold in (0, 1)
                ]
                show(network, task, folds, more)


def show(network, task, folds, more):
    sizes = {name: int(more[name]) for name in ("filters", "depth", "kernel_size") if name in more}
    config = NetworkConfig.of(network, out_channels=11 if task == "classes" else 1, **sizes)
    count = networks.plan(config).parameters
    rmse = [statistics.mean(result["rmse"] for result in fold) for fold in folds]
    seconds = statistics.mean(result["train_seconds"] for fold in folds for result in fold)
    print(
        f"| {network} | {task} | {count} | {rmse[0]:.1f} | {rmse[1]:.1f} |"
        f" {statistics.mean(rmse):.1f} | {seconds:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
