import pytest

from ml_core import networks
from ml_core.networks import NetworkConfig
from ml_core.networks.cost import values_at_once
from ml_core.networks.fully_convolutional import as_map


def test_values_of_a_u_net_peak_at_its_last_join():
    layers = as_map(networks.plan(NetworkConfig("unet", filters=16, depth=4)))
    # at full resolution: two times 16 channels, and the 32 that they become
    assert values_at_once(layers) == 16 + 16 + 32


def test_unfolded_patches_count_as_often_as_they_cover_a_pixel():
    config = NetworkConfig.of("patch_cnn", padding=1, depth=1, filters=5, output_stride=5)
    # 25 px patches 5 px apart: 25 of them at each pixel, 5 channels and as many after the ReLU
    assert values_at_once(as_map(networks.plan(config))) == pytest.approx(25 * (5 + 5))
