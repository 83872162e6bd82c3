import pytest

from ml_core.inputs.sic.sensors import of_platform


@pytest.mark.parametrize(
    ("platform", "sensor"),
    [("n07", "SMMR"), ("f08", "SSM/I"), ("F13", "SSM/I"), ("F17", "SSMIS"), ("AM2", "AMSR2")],
)
def test_footprints_by_platform(platform, sensor):
    assert of_platform(platform).sensor == sensor


def test_unknown_platform():
    assert of_platform("G11") is None
