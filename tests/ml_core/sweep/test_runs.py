import dataclasses

import numpy as np
import pytest

from ml_core.datasets.block_split import draw_split_with_test
from ml_core.events import Reporter
from ml_core.sweep.configurations import configurations
from ml_core.sweep.runs import execute, failed, key
from ml_core.training.device import Device
from tests.ml_core.sweep.test_configurations import CHANNELS, NONE, make_job

CPU = Device("cpu", low_precision=False)


@pytest.fixture(scope="module")
def configuration():
    job = make_job(
        architecture=("same_resolution_cnn",), **NONE, epochs=3, chips_per_epoch=8, batch_size=4
    )
    ((one,), _) = configurations(job, CHANNELS, 8.0)
    return one


@pytest.fixture(scope="module")
def split(small_data):
    return draw_split_with_test(small_data.cells, 8.0, 0.15, 0.15, np.random.default_rng(1))


def test_a_run_is_scored_on_every_part_beside_the_baselines(configuration, small_data, split):
    run = execute(configuration, 5, small_data, split, CPU, Reporter(lambda event: None))
    assert (run.network, run.seed) == ("same_resolution_cnn", 5)
    assert set(run.rmse_percent) == {"training", "validation", "test"}
    assert len(run.training_loss) == len(run.validation_loss) == 3
    # the mean of the training part, of cells' means on the test part
    count, total = small_data.cells.count, small_data.sums[..., -1]
    with np.errstate(invalid="ignore"):
        mean = total / count
    tested = (split.roles == 4) & (count > 0)
    trained = split.roles == 1
    expected = np.sqrt(np.mean((mean[tested] - total[trained].sum() / count[trained].sum()) ** 2))
    assert run.baselines["test"]["mean"] == pytest.approx(expected, rel=0.05)


def test_a_failed_fit_is_kept_with_its_reason(configuration):
    run = failed(configuration, 3, "astray")
    assert (run.seed, run.error, run.rmse_percent) == (3, "astray", {})


def test_the_key_changes_with_all_that_decides_a_run_and_with_nothing_else(
    configuration, small_data, split
):
    keys = {key(configuration, 1, small_data, split, CPU)}
    array = small_data.array + np.float32(0)
    same = dataclasses.replace(small_data, array=array, notes=("a note",))
    assert key(configuration, 1, same, split, CPU) in keys
    sums = small_data.sums.copy()
    sums[0, 0, 0] += 1e-6
    config = dataclasses.replace(configuration.config, chip_px=64)
    others = [
        (configuration, 2, small_data, split, CPU),
        (dataclasses.replace(configuration, config=config), 1, small_data, split, CPU),
        (dataclasses.replace(configuration, data_fraction=0.5), 1, small_data, split, CPU),
        (configuration, 1, dataclasses.replace(small_data, sums=sums), split, CPU),
        (configuration, 1, small_data, split, Device("cpu", low_precision=True)),
    ]
    keys |= {key(*each) for each in others}
    assert len(keys) == 1 + len(others)
