from dataclasses import replace

import numpy as np
import pytest
import torch

from ml_core import networks
from ml_core.datasets.normalisation import moments, normalisation
from ml_core.datasets.split import Split
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
    every = Part.of(data, [Window(0, 0, 60, 77)])
    (tile,) = validator.tiles(network, every)
    x = np.pad(
        (data.array[..., :-1] - scaling.mean) / scaling.std, [(0, 4), (0, 3), (0, 0)], "symmetric"
    )
    with torch.no_grad():
        expected = network(torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None])[0]
    assert np.allclose(tile.output, expected.numpy()[:, :60, :77], atol=1e-5)


def test_large_parts_of_several_scenes_are_thinned_evenly():
    data = data_of(np.zeros((1024, 1024)), np.zeros((2, 1024, 1024)), footprint_px=64)
    whole_part = Part.of(data, [Window(0, 0, 1024, 1024)])
    assert len(whole_part.windows) == 16
    left = thinned([whole_part, whole_part, whole_part], most_px=1024 * 1024)
    numbers = [
        scene * 16 + whole_part.windows.index(window)
        for scene, part in enumerate(left)
        for window in part.windows
    ]
    assert numbers == list(range(0, 48, 3))


@pytest.mark.parametrize("footprint_px", [0.0, 8.0])
def test_the_validation_loss_is_a_weighted_mean(footprint_px):
    sic = ice((64, 96))
    sic[:, :48] = 50.0  # of which half is known well
    sigma = np.full(sic.shape, 20, np.float16)
    sigma[:, :48] = 2
    data = replace(data_of(sic, backscatter(sic)), uncertainty_percent=sigma)
    full = Split.full(data.cells)
    scaling = normalisation([moments(data.array, full)], data.channels)
    weighting = weighting_of({"a": data}, {"a": full}, 2.0)
    config = NetworkConfig(filters=4, depth=2)
    torch.manual_seed(3)
    network = networks.build(config).eval()
    for parameter in network.parameters():
        parameter.data.zero_()  # its map is 0 everywhere

    def loss(columns, weighting):
        validator = Validator(
            scaling,
            networks.geometry(config),
            Device("cpu", False),
            Regression(footprint_px),
            weighting,
        )
        return validator.loss(network, [Part.of(data, [Window(0, *columns)])])

    left, right = ((0, 64, 48), (48, 64, 48))
    alone = [loss(columns, None) for columns in (left, right)]
    # on an area of one uncertainty weights change nothing, whatever their mean there
    for columns, expected in zip((left, right), alone, strict=True):
        assert loss(columns, weighting) == pytest.approx(expected, rel=1e-5)
    inverse = 1 / (sigma[0, [0, -1]].astype(float) ** 2 + 4)
    both = loss((0, 64, 96), weighting)
    tolerance = 1e-5 if not footprint_px else 0.1  # footprints reach across the border
    assert both == pytest.approx(np.average(alone, weights=inverse), rel=tolerance)


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
    part = Part.of(small_data, [small_data.grid.window])
    weighted = replace(validator, weighting=Weighting(5.0, np.ones(10001, np.int64), 0))
    assert weighted.loss(network, [part]) == pytest.approx(validator.loss(network, [part]))
