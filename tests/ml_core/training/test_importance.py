"""Permutation importance: networks of known weights, and an exchange that keeps what it moves."""

import dataclasses

import numpy as np
import pytest
import torch

from ml_core import networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.split import Split
from ml_core.datasets.training_data import TrainingData
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.networks import NetworkConfig
from ml_core.raster.grid import Window
from ml_core.training.config import TrainingConfig
from ml_core.training.device import Device
from ml_core.training.experiment import Fitted, Outcome, scored
from ml_core.training.fit import FitResult, FitSettings
from ml_core.training.importance import Exchanged, importance_of
from tests.builders.jobs import Events
from tests.builders.scenes import backscatter, data_of, ice

CPU = Device("cpu", low_precision=False)
SILENT = Reporter(lambda event: None)
NETWORK = NetworkConfig.of(
    "same_resolution_cnn", in_channels=3, filters=2, depth=1, kernel_size=1, dropout=0.0
)
JOB = TrainJob(training_set="set", model="net", report="r.html")


def scene_of(seed=0, shape=(96, 128)):
    """A scene whose third channel is its SIC, compared pixel by pixel."""
    sic = ice(shape, seed=seed)
    data = data_of(sic, np.concatenate([backscatter(sic, seed), sic[None]]))
    return dataclasses.replace(data, observations=None)


def state_that_gives(weights):
    """The state of a network whose output is a weighted sum of its inputs, above 0."""
    network = networks.build(NETWORK)
    state = {name: np.zeros(t.shape, t.numpy().dtype) for name, t in network.state_dict().items()}
    first, last = (name for name in state if state[name].ndim == 4)
    state[first][0, :, 0, 0] = weights
    state[last][0, 0, 0, 0] = 1
    for name in state:
        if name.endswith(("running_var", "norm.weight")):
            state[name][:] = 1
    found = networks.restore(NETWORK, state).eval()
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        expected = (torch.tensor(weights)[:, None, None] * x[0]).sum(0)
        torch.testing.assert_close(found(x)[0, 0], expected, rtol=1e-4, atol=1e-4)
    return state


def config_of():
    return dataclasses.replace(
        TrainingConfig.from_job(JOB, ("HH", "HV", "incidence_angle"), footprint_px=8.0),
        network=NETWORK,
        fit=FitSettings(epochs=1, chips_per_epoch=1, batch_size=1, learning_rate=0.1),
        chip_px=24,
    )


def outcome_of(data, weights):
    # the third channel is the fraction of ice after the normalisation
    normal = Normalisation.of((-15.0, -25.0, 0.0), (5.0, 5.0, 100.0))
    result = FitResult(state_that_gives(weights), 1)
    split = data.split(1, 0.3)
    outcome = Outcome(split.fits[0], Fitted(normal, result), None, {}, {}, {})
    network = networks.restore(NETWORK, result.state)
    return scored(outcome, network, config_of(), CPU, data.scenes, SILENT)


@pytest.fixture(scope="module")
def data():
    return TrainingData("HH and HV", {"scene": scene_of()}, {"inputs": {"HH": "hh.tif"}})


def test_a_channel_that_is_the_answer_is_worth_the_error_without_it(data):
    outcome = outcome_of(data, (0.0, 0.0, 1.0))
    assert outcome.rmse_percent < 0.01
    recorder = Events()
    found = importance_of(data.scenes, config_of(), outcome, CPU, Reporter(recorder))
    assert found.rises_percent["HH"] == found.rises_percent["HV"] == (0.0,) * 5
    scene, split = data.scenes["scene"], outcome.splits["scene"]
    inside = split.validation(scene.grid.window)
    sic = scene.array[..., -1]
    # two independent draws of the SIC differ by the square root of two deviations
    chance = np.sqrt(sic[inside].var() + sic.var() + (sic[inside].mean() - sic.mean()) ** 2)
    assert np.mean(found.rises_percent["incidence_angle"]) == pytest.approx(chance, rel=0.25)
    assert found.rmse_percent == pytest.approx(outcome.rmse_percent, abs=1e-6)
    assert found.side_m == 8000.0
    assert f"when {found.squares} squares of 8 km exchange their values: HH +0.0" in recorder.text


def test_a_channel_counts_by_its_weight(data):
    outcome = outcome_of(data, (0.02, 0.0, 0.9))
    found = importance_of(data.scenes, config_of(), outcome, CPU, SILENT)
    hh, hv, third = (np.mean(rises) for rises in found.rises_percent.values())
    assert hv == 0
    assert 0 < abs(hh) < 0.2 * third


def test_it_is_the_same_for_the_same_seed(data):
    outcome = outcome_of(data, (0.1, 0.0, 0.9))
    one, two = (importance_of(data.scenes, config_of(), outcome, CPU, SILENT) for _ in range(2))
    assert one == two
    other = importance_of(data.scenes, config_of().with_seed(7), outcome, CPU, SILENT)
    assert other != one


def donors_of(data, shift):
    """Every square gets the values of another one, by rows."""
    side = 8
    squares = list(Window(0, 0, 96, 128).blocks(side))
    return {
        (id(data), square.row, square.col): (data, squares[(k + shift) % len(squares)])
        for k, square in enumerate(squares)
    }


@pytest.mark.parametrize("number", [0, 2])
def test_squares_are_moved_as_they_are_and_other_channels_stay(number):
    data = scene_of()
    before, _ = data.read(data.grid.window)
    after, valid = Exchanged(data, number, donors_of(data, 5)).read(data.grid.window)
    assert valid.all()
    others = [k for k in range(3) if k != number]
    np.testing.assert_array_equal(after[others], before[others])
    squares = before[number].reshape(12, 8, 16, 8).swapaxes(1, 2).reshape(192, 8, 8)
    moved = after[number].reshape(12, 8, 16, 8).swapaxes(1, 2).reshape(192, 8, 8)
    np.testing.assert_array_equal(moved, np.roll(squares, -5, axis=0))


def test_what_is_read_does_not_depend_on_the_window():
    data = scene_of()
    exchanged = Exchanged(data, 1, donors_of(data, 7))
    whole, _ = exchanged.read(data.grid.window)
    for window in (Window(3, 5, 20, 30), Window(-6, 100, 40, 50), Window(90, 120, 30, 30)):
        part, valid = exchanged.read(window)
        inside = window.clipped(96, 128)
        place = inside.moved(-window.row, -window.col).slices
        np.testing.assert_array_equal(
            part[(slice(None), *place)], whole[(slice(None), *inside.slices)]
        )
        assert valid.sum() == inside.height * inside.width


def test_pixels_without_data_stay_so_and_give_none_away():
    sic = ice((96, 128))
    pixels = np.concatenate([backscatter(sic), sic[None]])
    pixels[:, 3:5, 8:16] = np.nan
    data = data_of(sic, pixels)
    values, valid = Exchanged(data, 0, donors_of(data, 1)).read(data.grid.window)
    np.testing.assert_array_equal(valid, np.isfinite(pixels[0]))
    np.testing.assert_array_equal(np.isfinite(values[0]), valid)


def test_scenes_of_a_set_exchange_with_each_other():
    scenes = {"a": scene_of(0), "b": scene_of(1)}
    scenes["b"].array[..., 2] += 1000
    splits = {name: Split.held_out(one.cells) for name, one in scenes.items()}
    normal = Normalisation.of((-15.0, -25.0, 0.0), (5.0, 5.0, 100.0))
    result = FitResult(state_that_gives((0.0, 0.0, 1.0)), 1)
    outcome = Outcome(splits, Fitted(normal, result), None, {}, {}, {})
    found = importance_of(scenes, config_of(), outcome, CPU, SILENT)
    assert found.squares == 2 * 192
    # SIC above 100 % is clipped: in b the channel is worth nothing, until it gets values of a
    assert found.rises_percent["HH"] == (0.0,) * 5
    assert abs(np.mean(found.rises_percent["incidence_angle"])) > 0.1


def test_without_validation_or_with_few_squares_nothing_is_claimed(data):
    outcome = outcome_of(data, (0.0, 0.0, 1.0))
    unsplit = dataclasses.replace(outcome, splits=data.split(1, 0).fits[0])
    assert importance_of(data.scenes, config_of(), unsplit, CPU, SILENT) is None
    wide = dataclasses.replace(data.scenes["scene"], decorrelation_px=64.0)
    assert importance_of({"scene": wide}, config_of(), outcome, CPU, SILENT) is None
