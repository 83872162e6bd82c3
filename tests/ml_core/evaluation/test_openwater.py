import numpy as np
import pytest

from ml_core.evaluation.openwater import WaterSums, by_angle
from ml_core.raster.grid import Window


def test_means_by_angle_leave_out_what_is_not_known():
    sic = np.array([[0.0, 30.0, np.nan, 10.0]])
    rows = by_angle(sic, sic / 100, np.array([[20.0, 19.0, 19.5, np.nan]]))
    assert [(row.label, row.share, row.mean_percent) for row in rows] == [("18–21", 1.0, 15.0)]
    assert rows[0].ice_share == pytest.approx(0.15)
    assert by_angle(sic, sic, np.full(sic.shape, np.nan)) == ()


def test_windows_add_up_to_means_and_shares(make_grid):
    grid = make_grid(4, 6)
    sic = np.array([[0, 14.9, 15, 100, 50, 7]] * 4, np.float32)
    valid = np.ones((4, 6), bool)
    valid[:, 5] = False
    sums = WaterSums("sea", grid)
    assert sums.result() is None
    for row in (0, 2):
        sums.add(Window(row, 0, 2, 6), sic[row : row + 2], valid[row : row + 2], None)
    found = sums.result()
    assert found.mean_percent == pytest.approx((0 + 14.9 + 15 + 100 + 50) / 5)
    assert found.ice_share == pytest.approx(3 / 5)
    assert found.pixels == 20
    assert found.by_angle == ()
