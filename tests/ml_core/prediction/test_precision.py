import numpy as np
import pytest

from ml_core.networks import NetworkConfig, geometry
from ml_core.prediction.precision import Trial
from ml_core.prediction.tiled import Normalisation

SHAPE = geometry(NetworkConfig(filters=4, depth=2))


class Columns:
    """A scene of 900 x 900 px whose values are its columns; it has no data above a row."""

    shape = 900, 900

    def __init__(self, first_row=0):
        self.first_row = first_row

    def read(self, window, *, out=None):
        cols = np.arange(window.col, window.col + window.width, dtype=np.float32)
        values = np.tile(cols, (1, window.height, 1))
        valid = np.ones(values.shape[1:], bool)
        valid[: max(self.first_row - window.row, 0)] = False
        return values, valid


class OneOutput:
    """A runtime that gives all its outputs in the same memory, as runtimes may."""

    def __init__(self, error=0.0):
        self.error, self.output, self.batches = error, None, []

    def __call__(self, batch):
        self.batches.append(batch.copy())
        if self.output is None:
            self.output = np.empty_like(batch)
        self.output[...] = batch * (1 + self.error)
        return self.output


def trial(source):
    return Trial(source, source.shape, SHAPE, Normalisation((0.0,), (1.0,)), lambda out: out[0])


def test_the_error_is_that_of_two_places():
    exact, rough = OneOutput(), OneOutput(error=0.5)
    rmse = trial(Columns()).rmse_percent(rough, exact)
    first, second = exact.batches
    assert first.mean() != second.mean()
    assert rmse == pytest.approx(0.5 * np.sqrt(np.mean(np.square([first, second]))))


def test_places_without_data_are_not_tried():
    exact = OneOutput()
    trial(Columns(first_row=700)).rmse_percent(OneOutput(), exact)
    # those at nine tenths of the height are the only ones with data
    assert [int(batch[0, 0, -1, 0]) for batch in exact.batches] == [648, 72]
    assert trial(Columns(first_row=900)).rmse_percent(OneOutput(1.0), OneOutput()) is None


def test_a_scene_smaller_than_a_sample_is_not_tried():
    source = Columns()
    source.shape = 60, 60
    assert trial(source).rmse_percent(OneOutput(1.0), OneOutput()) is None
