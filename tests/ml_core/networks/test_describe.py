import pytest
import torch

from ml_core import networks
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.networks import NetworkConfig
from ml_core.networks.describe import describe

IDS = [choice.id for choice in ARCHITECTURES]


@pytest.mark.parametrize(
    "settings",
    [
        *({"architecture": id} for id in IDS),
        {"architecture": "unet", "upsampling": "resize", "depth": 2},
        {"architecture": "patch_cnn", "output_stride": 4},
        {"architecture": "patch_cnn", "padding": 1},
    ],
)
def test_the_arithmetic_is_what_torch_counts(settings):
    from torch.utils.flop_counter import FlopCounterMode

    config = NetworkConfig.of(**settings)
    network = networks.build(config).eval()
    size = 15 * 16
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, 2, size, size))
    described = describe(networks.plan(config)).flop_per_px * size**2
    # the surround of patch networks lets a convolution before the dense one compute some more
    assert counter.get_total_flops() == pytest.approx(described, rel=0.11)
    if settings["architecture"] in ("unet", "encoder_decoder", "same_resolution_cnn"):
        assert counter.get_total_flops() == pytest.approx(described, rel=1e-9)


def test_the_default_unet_takes_92_gflop_per_mpx():
    description = describe(networks.plan(NetworkConfig()))
    assert description.flop_per_px * 1e6 / 1e9 == pytest.approx(92, rel=0.02)


def test_memory_counts_what_is_alive():
    config = NetworkConfig.of("unet", depth=1, filters=2, dropout=0)
    description = describe(networks.plan(config))
    # widest moment: the skip (2), both halves of the join (2 + 2 / their joined copy 4)
    assert description.prediction_bytes_per_px == 4 * (2 + 2 + 4)


def test_receptive_fields_grow_along_the_table():
    rows = describe(networks.plan(NetworkConfig.of("same_resolution_cnn", depth=3))).rows
    fields = [row.receptive_field_px for row in rows if row.layer.kind.value == "convolution"]
    assert fields == [5, 9, 13, 13]


def test_a_patch_network_is_described_for_its_patch():
    description = describe(networks.plan(NetworkConfig.of("alexnet")), 160)
    assert description.input_px == 67
    assert description.rows[0].size == 15
    assert description.geometry.receptive_field_px == 67


def test_a_network_that_reduces_by_three_is_described():
    plan = networks.plan(NetworkConfig.of("encoder_decoder", stride=3, depth=2))
    assert describe(plan).input_px == 162  # 160 is no multiple of 9


def test_parameters_add_up():
    description = describe(networks.plan(NetworkConfig()))
    assert (
        description.parameters == sum(row.layer.parameters for row in description.rows) == 1943905
    )
