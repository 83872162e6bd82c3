import numpy as np
import torch

from ml_core import networks
from ml_core.datasets.normalisation import moments, normalisation
from ml_core.datasets.split import Split
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
