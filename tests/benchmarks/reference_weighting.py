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
from ml_core.datasets.batch import Augmentation
from ml_core.datasets.block_split import draw_split
from ml_core.datasets.split import VALIDATION
from ml_core.events import Reporter
from ml_core.inputs.simulation.scene import SimulatedScene
from ml_core.jobs import SimulateSceneJob
from ml_core.networks import NetworkConfig
from ml_core.observation.observations import Observations
from ml_core.observation.support import around_cells, cell_size_px
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


def seen_as(sic, sigma, pixels):
    """A scene whose reference's cells have a SIC and its uncertainty (h, w)."""
    cell = np.ones((FOOTPRINT_PX, FOOTPRINT_PX), np.float32)
    data = data_of(np.kron(sic, cell), pixels, FOOTPRINT_PX)
    rows, cols = (FOOTPRINT_PX * (at.ravel() + 0.5) for at in np.indices(sic.shape))
    return dataclasses.replace(
        data,
        uncertainty_percent=np.kron(sigma, cell).astype(np.float16),
        observations=Observations.of_footprints(
            rows, cols, sic.ravel(), sigma.ravel(), FOOTPRINT_PX
        ),
    )


def rmse(kind, match, added, seed):
    rng = np.random.default_rng(seed)
    pixels, sic = scene(seed)
    sigma = noise_of(kind, sic, rng)
    noisy = np.clip(sic + rng.normal(0, sigma), 0, 100)
    data, truth = (seen_as(values, sigma, pixels) for values in (noisy, sic))
    observes = match == "footprints"
    config = TrainingConfig(
        NetworkConfig(
            in_channels=3,
            filters=8,
            depth=3,
            dropout=0.0,
            out_channels=Regression(observes).outputs,
        ),
        Regression(observes),
        FitSettings(24, 64, 4, 4e-3, l2=1e-4, seed=seed, cell_px=cell_size_px(FOOTPRINT_PX)),
        64,
        Augmentation.of("flips", has_angle=True),
        added_uncertainty_percent=added,
    )
    split = draw_split(data.cells, FOOTPRINT_PX, 0.25, np.random.default_rng(seed))
    device = choose("cpu")
    outcome = experiment.run({"scene": data}, config, {"scene": split}, device, SILENT)
    network = networks.restore(config.network, outcome.first.result.state)
    part = Part.of(truth, split, VALIDATION)
    found = experiment.errors_on(part, network, outcome.first, config, device)
    return found.scores.rmse_percent


def main():
    kinds = sys.argv[1:] or ("random", "edge")
    for kind, match, added in itertools.product(kinds, ("pixels", "footprints"), ADDED):
        found = [rmse(kind, match, added, seed) for seed in SEEDS]
        name = f"rmse_{kind}_{match}_{'unweighted' if added is None else f'added_{added:g}'}"
        report(name, float(np.mean(found)), "% SIC")
        print("   seeds", *(f"{value:.2f}" for value in found))


if __name__ == "__main__":
    main()
