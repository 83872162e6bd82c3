"""What weights by the reference's uncertainty bring: errors against a simulated scene's truth.

Simulated scenes of 51 km with a reference of 1.6 km, whose values carry noise of 2 to 25 % SIC:
drawn cell by cell (`random`), or large where SIC is in between, as the total uncertainty of
radiometers is (`edge`). Small networks learn from the noisy reference, without weights and with
1/(u^2 + a^2); the errors, of footprint means on the validation blocks, are against the truth.
"""

import dataclasses
import functools
import itertools
import sys

import numpy as np
from measuring import report

from ml_core import networks
from ml_core.datasets.block_split import draw_split
from ml_core.datasets.sampler import Augmentation
from ml_core.evaluation.scene_scores import PredictedTile, score
from ml_core.events import Reporter
from ml_core.inputs.simulation.scene import SimulatedScene
from ml_core.jobs import SimulateSceneJob
from ml_core.networks import NetworkConfig
from ml_core.networks.output import sic_of_each
from ml_core.observation.support import around_cells
from ml_core.raster.grid import Window
from ml_core.training import experiment
from ml_core.training.config import TrainingConfig
from ml_core.training.device import choose
from ml_core.training.fit import FitSettings
from ml_core.training.tasks import Regression
from ml_core.training.validation import Part
from tests.builders.scenes import data_of

SIDE, FOOTPRINT_PX, SEEDS = 512, 16, (1, 2, 3)
ADDED = (None, 5.0, 10.0, 20.0)
SILENT = Reporter(lambda event: None)


@functools.cache
def scene(seed):
    """Pixels (C, H, W) and the reference without noise (H, W), percent."""
    job = SimulateSceneJob(
        seed=seed,
        width=SIDE,
        height=SIDE,
        resolution=100.0,
        ice_fraction=50,
        wind_speed=3.0,
        incidence_near=30.0,
        incidence_far=40.0,
        hh="h",
        hv="v",
    )
    simulated = SimulatedScene(job)
    block = simulated.block(Window(0, 0, SIDE, SIDE))
    angle = np.broadcast_to(simulated.incidence_deg, (SIDE, SIDE))
    seen = around_cells((SIDE, SIDE), FOOTPRINT_PX)
    cover = seen.sums(np.ones((SIDE, SIDE), np.float32))
    sic = 100 * seen.sums(block.sic) / cover
    return np.stack([block.hh_db, block.hv_db, angle]), sic[8::16, 8::16]


def noise_of(kind, sic, rng):
    """The uncertainty of each reference value."""
    if kind == "random":
        return rng.uniform(2, 25, sic.shape)
    return 2 + 23 * 4 * (sic / 100) * (1 - sic / 100)


def rmse(kind, match, added, seed):
    rng = np.random.default_rng(seed)
    pixels, sic = scene(seed)
    sigma = noise_of(kind, sic, rng)
    noisy = np.clip(sic + rng.normal(0, sigma), 0, 100)
    coarse = np.ones((16, 16), np.float32)
    data = data_of(np.kron(noisy, coarse), pixels, FOOTPRINT_PX)
    data = dataclasses.replace(data, uncertainty_percent=np.kron(sigma, coarse).astype(np.float16))
    truth = data_of(np.kron(sic, coarse), pixels, FOOTPRINT_PX)
    footprint_px = FOOTPRINT_PX if match == "footprints" else 0.0
    config = TrainingConfig(
        NetworkConfig(in_channels=3, filters=8, depth=3, dropout=0.0),
        Regression(footprint_px),
        FitSettings(24, 64, 4, 4e-3, l2=1e-4, seed=seed),
        64,
        Augmentation.of("flips", has_angle=True),
        added_uncertainty_percent=added,
    )
    split = draw_split(data.cells, FOOTPRINT_PX, 0.25, np.random.default_rng(seed))
    device = choose("cpu")
    outcome = experiment.run({"scene": data}, config, {"scene": split}, device, SILENT)
    network = networks.restore(config.network, outcome.first.result.state)
    part = Part.of(truth, split.blocks, split.validation)
    tiles = (
        PredictedTile(
            tile.window,
            sic_of_each(tile.output, tile.valid, 1, None).mean(axis=0),
            tile.sic_percent,
            tile.valid,
        )
        for tile in experiment.validator_of(config, outcome.first, device).tiles(network, part)
    )
    return score(tiles, truth, FOOTPRINT_PX).scores.rmse_percent


def main():
    kinds = sys.argv[1:] or ("random", "edge")
    for kind, match, added in itertools.product(kinds, ("pixels", "footprints"), ADDED):
        found = [rmse(kind, match, added, seed) for seed in SEEDS]
        name = f"rmse_{kind}_{match}_{'unweighted' if added is None else f'added_{added:g}'}"
        report(name, float(np.mean(found)), "% SIC")
        print("   seeds", *(f"{value:.2f}" for value in found))


if __name__ == "__main__":
    main()
