"""The plan of a map; that its values are those of single patches is tested in test_patches."""

import pytest

from ml_core import networks
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.networks import NetworkConfig
from ml_core.networks.fully_convolutional import as_map, lead_px
from ml_core.networks.module import PlannedNetwork

IDS = [network.id for network in ARCHITECTURES]


@pytest.mark.parametrize("architecture", IDS)
def test_a_map_has_the_weights_of_one_patch(architecture):
    config = NetworkConfig.of(architecture)
    plan = networks.plan(config)
    patchwise = PlannedNetwork(plan).state_dict()
    mapped = networks.build(config).state_dict()
    assert {name: w.shape for name, w in mapped.items()} == {
        name: w.shape for name, w in patchwise.items()
    }
    assert (as_map(plan) == plan) == (plan.patch_px is None)
    assert as_map(plan).multiple == networks.geometry(config).multiple


@pytest.mark.parametrize(
    ("patch", "stride", "lead"), [(25, 1, 12), (24, 1, 11), (24, 4, 10), (25, 4, 10)]
)
def test_a_block_lies_in_the_middle_of_its_patch(patch, stride, lead):
    config = NetworkConfig.of("patch_cnn", patch_size=patch, output_stride=stride)
    assert lead_px(networks.plan(config)) == lead
    behind = patch - stride - lead
    assert behind - lead in (0, 1)
