from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ml_core import networks
from ml_core.datasets.normalisation import Normalisation, moments, normalisation
from ml_core.datasets.split import VALIDATION, Split
from ml_core.datasets.weighting import Weighting, weighting_of
from ml_core.networks import NetworkConfig
from ml_core.raster.grid import Window
from ml_core.training.device import Device
from ml_core.training.tasks import Regression
from ml_core.training.validation import Part, Validator, thinned
from tests.builders.scenes import backscatter, data_of, ice


def test_a_scene_is_validated_as_it_is_predicted_mirrored_at_its_end():
    sic = ice((60, 77))
    data = data_of(sic, backscatter(sic))
    scaling = normalisation([moments(data.array, Split.full(data.cells))], data.channels)
    config = NetworkConfig(filters=4, depth=3)
    torch.manual_seed(3)
    network = networks.build(config).eval()
    validator = Validator(scaling, networks.geometry(config), Device("cpu", False), Regression())
    every = Part.of(data, Split.held_out(data.cells), VALIDATION)
    (tile,) = validator.tiles(network, every)
    x = np.pad(
        (data.array[..., :-1] - scaling.mean) / scaling.std, [(0, 4), (0, 3), (0, 0)], "symmetric"
    )
    with torch.no_grad():
        expected = network(torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None])[0]
    assert np.allclose(tile.output, expected.numpy()[:, :60, :77], atol=1e-5)


def test_large_parts_of_several_scenes_are_thinned_evenly():
    data = data_of(np.zeros((1024, 1024)), np.zeros((2, 1024, 1024)), footprint_px=64)
    data = replace(data, observations=None)
    whole_part = Part.of(data, Split.held_out(data.cells), VALIDATION)
    assert len(whole_part.windows) == 16
    left = thinned([whole_part, whole_part, whole_part], most_px=1024 * 1024)
    for part in left:
        assert [whole_part.windows.index(window) for window in part.windows] == [0, 3, 6, 9, 12, 15]


def certain_on_the_left(*, observes):
    """A scene whose left half is known well, its weighting, and what compares maps with it."""
    sic = ice((64, 96))
    sic[:, :48] = 50.0
    sigma = np.full(sic.shape, 20, np.float16)
    sigma[:, :48] = 2
    data = replace(data_of(sic, backscatter(sic)), uncertainty_percent=sigma)
    seen = data.observations
    of_obs = np.where(seen.col < 48, np.float32(2), np.float32(20))
    observations = replace(seen, uncertainty_percent=of_obs) if observes else None
    data = replace(data, observations=observations)
    full = Split.full(data.cells)
    config = NetworkConfig(filters=4, depth=2)
    network = networks.build(config).eval()
    for parameter in network.parameters():
        parameter.data.zero_()  # its map is 0 everywhere
    validator = Validator(
        normalisation([moments(data.array, full)], data.channels),
        networks.geometry(config),
        Device("cpu", False),
        Regression(observes),
    )
    weighted = replace(validator, weighting=weighting_of({"a": data}, {"a": full}, 2.0))
    return data, network, validator, weighted


@pytest.mark.parametrize("observes", [False, True])
def test_the_validation_loss_is_a_weighted_mean(observes):
    data, network, plain, weighted = certain_on_the_left(observes=observes)

    def loss(validator, first, width):
        cell = data.cells.size_px
        block = Window(0, first // cell, data.cells.count.shape[0], width // cell)
        part = Part.of(data, Split.of_blocks(data.cells, (block,), 0), VALIDATION)
        return validator.loss(network, [part])

    alone = [loss(plain, first, 48) for first in (0, 48)]
    # on an area of one uncertainty weights change nothing, whatever their mean there
    for first, expected in zip((0, 48), alone, strict=True):
        assert loss(weighted, first, 48) == pytest.approx(expected, rel=1e-5)
    inverse = 1 / (np.array([2.0, 20.0]) ** 2 + 4)
    both = loss(weighted, 0, 96)
    # not all footprints at the scene's edge are covered
    tolerance = 0.1 if observes else 1e-5
    assert both == pytest.approx(np.average(alone, weights=inverse), rel=tolerance)


class Copy(torch.nn.Module):
    """Gives its first channel as the SIC."""

    def forward(self, x):
        return x[:, :1]


def test_validation_ground_is_judged_with_what_lies_around_it():
    """A perfect map errs at no block's border; that of the scene leaves footprints uncovered."""
    field = gaussian_filter(np.random.default_rng(0).normal(size=(200, 240)), 12)
    truth = (field > 0).astype(np.float32) * 100
    data = data_of(gaussian_filter(truth, 16 / 2.3548), np.stack([truth, truth]), footprint_px=16)
    cells = data.cells.count.shape
    split = Split.of_blocks(data.cells, (Window(8, 8, 10, 10), Window(20, 40, cells[0] - 20, 9)), 2)
    config = NetworkConfig(filters=2, depth=1)
    percent = Normalisation.of((0.0, 0.0), (100.0, 100.0))
    validator = Validator(percent, networks.geometry(config), Device("cpu", False), Regression())
    part = Part.of(data, split, VALIDATION)
    found = validator.observed(Copy(), part)
    seen = data.observations
    error = found.percent[0] - seen.nearest(found.percent[0], found.index)
    assert np.sqrt(np.mean(error**2)) < 0.8
    left_out = np.setdiff1d(part.index, found.index)
    # the mean over two of their cells at the scene's lower end, 0.83 footprints from its edge
    assert left_out.size > 0
    assert seen.row[left_out].min() > 200 - 0.9 * 16
    # the whole scene need not be predicted
    assert part.area_px < 0.85 * truth.size


def test_fewer_observations_are_whole_squares_spread_over_the_part():
    sic = ice((1200, 1200), footprint_px=40)
    data = data_of(sic, backscatter(sic), footprint_px=40)
    part = Part.of(data, Split.held_out(data.cells), VALIDATION)
    assert part.index.size == len(data.observations)
    some = [part.fewer(part.area_px / 4, first=k) for k in range(8)]
    assert all(0 < one.area_px < 0.5 * part.area_px for one in some)
    together = np.concatenate([one.index for one in some])
    assert np.array_equal(np.unique(together), part.index)


def test_scenes_without_an_uncertainty_count_as_before(small_data):
    validator = Validator(
        normalisation(
            [moments(small_data.array, Split.full(small_data.cells))], small_data.channels
        ),
        networks.geometry(NetworkConfig(filters=4, depth=2)),
        Device("cpu", False),
        Regression(),
    )
    torch.manual_seed(3)
    network = networks.build(NetworkConfig(filters=4, depth=2)).eval()
    part = Part.of(small_data, Split.held_out(small_data.cells), VALIDATION)
    weighted = replace(validator, weighting=Weighting(5.0, np.ones(10001, np.int64), 0))
    assert weighted.loss(network, [part]) == pytest.approx(validator.loss(network, [part]))
