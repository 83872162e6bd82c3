import numpy as np
import pytest

from ml_core.prediction.calibration import Calibration, Cells, calibrate, hold_out


def cells(seed, n=4000, scale=3.0, floor=4.0):
    """Errors whose true standard deviation follows from a spread by a known scale and floor."""
    rng = np.random.default_rng(seed)
    spread = rng.gamma(2, 2, n)
    return Cells(rng.normal(0, np.hypot(scale * spread, floor)), spread, rng.uniform(0, 100, n))


def part(seed, n, std, sic):
    """Cells of one SIC whose errors have a standard deviation, without any spread."""
    rng = np.random.default_rng(seed)
    return Cells(rng.normal(0, std, n), np.zeros(n), np.full(n, float(sic)))


@pytest.mark.parametrize(("scale", "floor"), [(3.0, 4.0), (0.5, 0.0), (0.1, 8.0)])
def test_calibration_finds_scale_and_floor(scale, floor):
    known = cells(1, scale=scale, floor=floor)
    expected = np.hypot(scale * known.spread_percent, floor)
    found = calibrate(known).apply(known.spread_percent, known.sic_percent)
    assert np.median(np.abs(found / expected - 1)) < 0.08


def test_a_spread_that_is_unrelated_to_the_error_has_no_part_in_it():
    rng = np.random.default_rng(5)
    spread = 0.01 * rng.gamma(2, 2, 4000)
    blind = Cells(rng.normal(0, 8, 4000), spread, rng.uniform(0, 100, 4000))
    found = calibrate(blind)
    assert found.apply(spread.max(), 50) == pytest.approx(found.apply(0, 50))
    assert found.note.endswith("so it follows from SIC alone")
    assert not calibrate(cells(5)).note


def test_the_interval_holds_its_level_on_other_cells():
    found = calibrate(cells(2))
    assert cells(3).coverage(found) == pytest.approx(0.9, abs=0.02)
    assert cells(3).coverage(Calibration()) < 0.5


def test_the_interval_holds_its_level_at_every_sic():
    """Water and closed ice are surer than what lies between, which is rarer."""
    known = Cells.joined([part(1, 3000, 2, 0), part(2, 500, 12, 50), part(3, 3000, 4, 100)])
    found = calibrate(known)
    for sic, std in ((0, 2), (50, 12), (100, 4)):
        assert found.apply(0.0, sic) == pytest.approx(std, rel=0.2)
        assert known.part(known.sic_percent == sic).coverage(found) == pytest.approx(0.9, abs=0.06)
    ends = found.apply([0.0, 0.0], [0.0, 25.0])
    assert found.apply(0.0, 12.5) == pytest.approx(ends.mean())


def test_heavy_tails_do_not_spoil_the_interval():
    rng = np.random.default_rng(4)
    spread = rng.gamma(2, 2, 4000)
    known = Cells(spread * rng.standard_t(2.5, 4000), spread, np.full(4000, 50.0))
    assert known.coverage(calibrate(known)) == pytest.approx(0.9, abs=0.02)


def test_a_spread_far_below_the_errors_is_not_blown_up():
    """Samples of a network that is fitted again may agree more, without erring less."""
    rng = np.random.default_rng(8)
    spread = rng.gamma(2, 0.05, 4000)
    known = Cells(rng.normal(0, 150 * spread), spread, np.full(4000, 50.0))
    found = calibrate(known)
    assert found.scale < 10
    assert known.coverage(found) == pytest.approx(0.9, abs=0.01)
    assert found.apply(0.0, 50.0) > 8


def test_blocks_left_out_widen_the_interval():
    """Blocks err by a bias of their own, which says nothing of the others'."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(40):
        group = np.repeat(np.arange(7), 100)
        error = rng.normal(0, 8, 7)[group] + rng.normal(0, 2, 700)
        known = Cells(error, np.zeros(700), np.full(700, 50.0))
        six = known.part(group < 6)
        found = hold_out(six, group[group < 6])
        calibration = calibrate(six)
        assert six.coverage(calibration) == pytest.approx(0.9, abs=0.01)
        other = known.part(group == 6)
        held.append(
            (
                found.coverage,
                other.coverage(calibration),
                other.coverage(calibration.wider(found.factor)),
            )
        )
    left_out, narrow, wide = np.mean(held, axis=0)
    assert left_out == pytest.approx(narrow, abs=0.08)
    assert narrow < 0.85 < wide < 0.97
    assert hold_out(known, np.zeros(700, int)) is None


def test_no_spread_at_all_leaves_the_floor():
    known = part(6, 500, 5, 30)
    assert calibrate(known).apply(0.0, 30.0) == pytest.approx(5, rel=0.1)


def test_nothing_stays_nothing():
    assert np.isnan(Calibration(2, (3,)).apply([np.nan], [50.0]))[0]
    assert np.isnan(Calibration(2, (3, 4)).apply([1.0], [np.nan]))[0]


def test_a_card_of_an_earlier_version_has_one_floor():
    found = Calibration.from_dict({"scale": 2.0, "floor_percent": 3.0})
    np.testing.assert_allclose(found.apply([0.0, 2.0], [0.0, 100.0]), [3.0, 5.0])
