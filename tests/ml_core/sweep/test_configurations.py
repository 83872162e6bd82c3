import pytest

from ml_core.errors import SeaIceError
from ml_core.jobs import CompareNetworksJob
from ml_core.sweep.configurations import configurations

CHANNELS = ("HH", "HV")
NONE = {"dropout": (0,), "l2": (0,), "l1": (0,)}


def make_job(**changes):
    values = {"patch_size": 9, "filters": (2,), "depth": (1,), "kernel_size": 3, "chip_size": 32}
    layers = {"hh": "hh.tif", "hv": "hv.tif", "reference": "sic.tif", "report": "c.html"}
    return CompareNetworksJob(**layers, **{**values, **changes})


def test_settings_that_a_network_lacks_are_left_out_for_it():
    found, left_out = configurations(
        make_job(architecture=("patch_cnn", "unet"), kernel_size=None), CHANNELS, 8.0
    )
    assert left_out == []
    by_network = {one.network: one.config.network for one in found}
    assert by_network["patch_cnn"].patch_size == 9
    assert by_network["unet"].patch_size is None


def test_a_size_that_a_network_cannot_have_is_left_out_with_its_reason():
    changes = {"architecture": ("unet", "patch_cnn"), **NONE}
    found, left_out = configurations(make_job(**changes, depth=(1, 7)), CHANNELS, 8.0)
    assert [one.name for one in found] == [
        "unet 2 filters, depth 1, none",
        "patch_cnn 2 filters, depth 1, none",
    ]
    assert len(left_out) == 2
    assert "Chip size 32 px is less than the 128 px that the network unet needs" in left_out[0]
    assert "patch_cnn does not fit an input of 9 px" in left_out[1]
    with pytest.raises(SeaIceError, match="unet cannot be compared: Chip size 32 px is less"):
        configurations(make_job(**changes, depth=(7,)), CHANNELS, 8.0)
