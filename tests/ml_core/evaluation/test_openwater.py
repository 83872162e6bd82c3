import numpy as np
import pytest

from ml_core.evaluation.openwater import HH_CELL_M, WaterSums, by_angle, by_hh
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
    hh_db = np.full(sic.shape, -20, np.float32)
    sums = WaterSums("sea", grid)
    assert sums.result() is None
    for row in (0, 2):
        part = slice(row, row + 2)
        sums.add(Window(row, 0, 2, 6), sic[part], valid[part], hh_db[part], None)
    found = sums.result()
    assert found.mean_percent == pytest.approx((0 + 14.9 + 15 + 100 + 50) / 5)
    assert found.ice_share == pytest.approx(3 / 5)
    assert found.pixels == 20
    assert found.by_angle == found.by_hh == ()


def windy(shape, rng):
    """Incidence angle, and HH that falls with it and is 2.5 dB brighter in a streak of wind."""
    angle = np.broadcast_to(np.linspace(20.0, 44.0, shape[1]), shape)
    streak = np.zeros(shape, bool)
    streak[5:10] = True
    hh_db = -8 - 0.4 * (angle - 20) + 2.5 * streak + rng.normal(0, 0.05, shape)
    return angle, hh_db, streak


def test_false_ice_in_a_streak_is_found_whatever_the_angle():
    angle, hh_db, streak = windy((40, 60), np.random.default_rng(1))
    rows = by_hh(np.where(streak, 40.0, 1.0), streak * 0.9, hh_db, angle)
    by_label = {row.label: row for row in rows}
    # the streak is an eighth of the scene, so that the mean is 0.31 dB above calm water
    assert set(by_label) == {"−1 to 0", "+2 to +3"}
    windy_row = by_label["+2 to +3"]
    assert (windy_row.mean_percent, windy_row.ice_share) == (40.0, pytest.approx(0.9))
    assert windy_row.share == pytest.approx(5 / 40)
    assert sum(row.share for row in rows) == pytest.approx(1)


def test_what_is_far_from_the_mean_shares_a_row():
    angle, hh_db, streak = windy((40, 60), np.random.default_rng(1))
    labels = [row.label for row in by_hh(angle * 0, angle * 0, hh_db + 9 * streak, angle)]
    assert labels == ["−2 to −1", "+3 and more"]


@pytest.mark.parametrize("lost", ["angle", "hh", "few", "one angle"])
def test_without_angles_or_backscatter_there_is_no_row_of_brightness(lost):
    angle, hh_db, _ = windy((40, 60), np.random.default_rng(1))
    if lost == "angle":
        angle = np.full(angle.shape, np.nan)
    elif lost == "hh":
        hh_db = np.full(angle.shape, np.nan)
    elif lost == "one angle":
        angle = np.full(angle.shape, 30.0)
    else:
        angle, hh_db = angle[:2, :3], hh_db[:2, :3]
    assert by_hh(angle * 0, angle * 0, hh_db, angle) == ()


def test_only_what_is_counted_counts_but_all_is_mapped_and_makes_the_mean_of_the_angle(make_grid):
    grid = make_grid(100, 160)
    rng = np.random.default_rng(2)
    angle, hh_db, _ = windy((100, 160), rng)
    bright = np.zeros(angle.shape, bool)
    bright[50:] = True
    hh_db = (hh_db + 3.0 * bright).astype(np.float32)
    sic = np.where(bright, 30, 0).astype(np.float32)
    sums = WaterSums("sea", grid)
    valid = np.ones(angle.shape, bool)
    for row in (0, 40):
        part = slice(row, 40 if row == 0 else 100)
        window = Window(row, 0, part.stop - row, 160)
        inside = bright[part]
        sums.add(window, sic[part], valid[part], hh_db[part], angle[part], inside)
    found = sums.result()
    assert (found.mean_percent, found.ice_share) == (30.0, 1.0)
    assert found.pixels == bright.sum()
    assert {row.mean_percent for row in found.by_angle} == {30.0}
    # bright water lies above the mean of all, though nothing else is counted
    assert [row.label for row in found.by_hh] == ["+1 to +2"]
    assert np.isfinite(found.sic_percent).all()
    assert set(np.unique(found.sic_percent)) == {0, 30}
    assert grid.resolution_m * 5 == HH_CELL_M
    assert found.to_dict()["by_hh_above_mean_db"]["+1 to +2"]["ice_share"] == 1.0
    assert found.numbers == {"WATER_MEAN_SIC": 30.0, "WATER_ICE_SHARE": 100.0}
