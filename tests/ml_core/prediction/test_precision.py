import re

import numpy as np
import pytest

from ml_core.events import Reporter
from ml_core.networks import NetworkConfig, geometry
from ml_core.prediction.precision import exact_enough, rmse_percent, samples_of

SHAPE = geometry(NetworkConfig(filters=4, depth=2))


class Columns:
    """A scene of 900 x 900 px whose values are its columns; it has no data above a row."""

    shape = 900, 900

    def __init__(self, first_row=0):
        self.first_row = first_row

    def read(self, window):
        cols = np.arange(window.col, window.col + window.width, dtype=np.float32)
        values = np.tile(cols, (1, window.height, 1))
        valid = np.ones(values.shape[1:], bool)
        valid[: max(self.first_row - window.row, 0)] = False
        return values, valid


class OneOutput:
    """A runtime that gives all its outputs in the same memory, as runtimes may."""

    def __init__(self, error=0.0, precision="bfloat16"):
        self.precision = precision
        self.error, self.output, self.batches = error, None, []

    def __call__(self, batch):
        self.batches.append(batch.copy())
        if self.output is None:
            self.output = np.empty_like(batch)
        self.output[...] = batch * (1 + self.error)
        return self.output


def error(scene, runtime, exact):
    return rmse_percent(runtime, exact, samples_of(scene, SHAPE), lambda output: output[0])


def test_the_error_is_that_of_two_places():
    exact, rough = OneOutput(), OneOutput(error=0.5)
    rmse = error(Columns(), rough, exact)
    first, second = exact.batches
    assert first.mean() != second.mean()
    assert rmse == pytest.approx(0.5 * np.sqrt(np.mean(np.square([first, second]))))


def test_places_without_data_are_not_tried():
    exact = OneOutput()
    error(Columns(first_row=700), OneOutput(), exact)
    # those at nine tenths of the height are the only ones with data
    assert [int(batch[0, 0, -1, 0]) for batch in exact.batches] == [648, 72]
    assert samples_of(Columns(first_row=900), SHAPE) == []


def test_a_scene_smaller_than_a_sample_is_not_tried():
    source = Columns()
    source.shape = 60, 60
    assert samples_of(source, SHAPE) == []


def sic_of(output):
    return output[0]


def chosen(runtime, exact, scene=None):
    messages = []
    report = Reporter(lambda event: messages.append(event.text))
    samples = samples_of(scene or Columns(), SHAPE)
    found = exact_enough(runtime, lambda: exact, samples, sic_of, report)
    return found, messages


def test_a_precision_that_errs_too_much_gives_way_to_float32():
    # columns to 900, so that an error of 1e-4 is of some 0.05 % SIC and one of 1e-2 of 5 %
    runtime, exact = OneOutput(1e-4), OneOutput(precision="float32")
    found, (message,) = chosen(runtime, exact)
    assert found is runtime
    assert re.fullmatch(r"bfloat16 against float32: RMSE 0\.0\d+ % SIC", message)
    found, (message,) = chosen(OneOutput(1e-2), exact)
    assert found is exact
    assert re.match(r"in bfloat16 this network would be off by [3-6]\S* % SIC; it is", message)


def test_float32_is_not_checked_and_neither_is_a_scene_without_data():
    runtime = OneOutput(1.0, precision="float32")
    assert chosen(runtime, None) == (runtime, [])
    runtime = OneOutput(1.0)
    assert chosen(runtime, OneOutput(), Columns(first_row=900)) == (runtime, [])
