import netCDF4
import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.ai4arctic.file import Ai4ArcticFile
from ml_core.inputs.ai4arctic.zones import Zones, read
from tests.builders.ai4arctic import ZONES_KM, MadeUpArctic


def test_a_zone_stands_for_its_middle_and_the_last_for_its_start(tmp_path):
    with Ai4ArcticFile.open(str(MadeUpArctic().raw(tmp_path))) as file:
        zones = read(file)
    assert zones.numbers.tolist() == list(range(42))
    assert zones.km[:3] == pytest.approx([0, ZONES_KM[1] / 2, (ZONES_KM[1] + ZONES_KM[2]) / 2])
    assert zones.km[-1] == pytest.approx(ZONES_KM[40], rel=1e-4)


def test_distance_is_linear_between_zones_and_nan_stays():
    zones = Zones(np.array([0.0, 1, 2]), np.array([0.0, 0.25, 1]))
    found = zones.distance_km(np.array([[0, 0.5, 1, 1.5, 9, np.nan]], np.float32))
    assert found[0] == pytest.approx([0, 0.125, 0.25, 0.625, 1, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    "text", ["", "zones of distance", "1; 0 -> 1\n2; 1 -> 2", "0; land\n1; 5 -> 9\n2; 1 -> 2"]
)
def test_zones_that_are_not_described_are_refused(tmp_path, text):
    path = MadeUpArctic().raw(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        file["distance_map"].zonal_range_description = text
    with (
        Ai4ArcticFile.open(str(path)) as file,
        pytest.raises(SeaIceError, match=r"does not say which .* leave out the channel distance"),
    ):
        read(file)
