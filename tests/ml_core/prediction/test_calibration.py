import numpy as np
import pytest

from ml_core.prediction.calibration import (
    DROPOUT,
    LEAST_PARTS,
    SIC,
    Calibration,
    Cells,
    calibrate,
)


def drawn(seed, parts=40, each=100, *, blind=False, sides=(1.0, 1.0), heavy=0.5):
    """References around maps by errors of a known size, each part with a size and bias of its own.

    The spread is that size, or unrelated to it where it is blind.
    """
    rng = np.random.default_rng(seed)
    part = np.repeat(np.arange(parts), each)
    size = 2 + 10 * rng.beta(1, 3, part.size)
    by_part = np.exp(rng.normal(0, heavy, parts))[part]
    error = size * by_part * (rng.normal(0, heavy, parts)[part] + rng.laplace(0, 1, part.size))
    error *= np.where(error < 0, *sides)
    sic = np.full(part.size, 50.0)
    spread = rng.permutation(size) if blind else size
    return Cells(sic, sic + error, sic + error, part, {DROPOUT: spread})


def held(cells, calibration):
    spread = cells.spreads_percent[DROPOUT] if calibration.source == DROPOUT else 0.0
    lower, upper = calibration.interval(cells.sic_percent, spread)
    return float(np.mean((lower <= cells.low_percent) & (cells.low_percent <= upper)))


@pytest.mark.parametrize("parts", [LEAST_PARTS, 12, 30])
def test_the_interval_holds_its_level_on_other_parts(parts):
    """Whatever the number of parts: cells of one err alike, and say little of another."""
    others = drawn(1000, 2000, 20)
    found = [calibrate(drawn(seed, parts, 60)) for seed in range(25)]
    coverages = [held(others, one.calibration) for one in found]
    assert np.mean(coverages) == pytest.approx(0.9, abs=0.025)
    assert np.std(coverages) < 0.05
    assert np.mean([one.coverage for one in found]) == pytest.approx(0.9, abs=0.03)


def test_a_spread_that_tells_of_errors_is_chosen_and_narrows_the_interval():
    seeing, blind = calibrate(drawn(1)), calibrate(drawn(1, blind=True))
    assert seeing.calibration.source == DROPOUT
    assert blind.calibration.source == SIC
    assert blind.calibration.scale == 0
    gain, error = blind.gains[DROPOUT]
    assert gain <= error < seeing.gains[DROPOUT][0]
    assert seeing.width_percent < 0.97 * blind.width_percent


def test_sides_differ_where_errors_do():
    found = calibrate(drawn(2, blind=True, sides=(0.3, 1.0))).calibration
    below, above = found.sizes(50.0, 0.0)
    assert below < 0.6 * above
    even = calibrate(drawn(2, blind=True)).calibration.sizes(50.0, 0.0)
    assert even[0] == pytest.approx(even[1], rel=0.35)


def test_open_water_and_closed_ice_are_bounded():
    rng = np.random.default_rng(3)
    part = np.repeat(np.arange(20), 100)
    truth = np.where(rng.random(part.size) < 0.5, 0.0, 100.0)
    sic = np.clip(truth + rng.normal(0, 6, part.size), 0, 100)
    found = calibrate(Cells(sic, truth, truth, part)).calibration
    lower, upper = found.interval([0.0, 3.0, 97.0, 100.0], 0.0)
    assert (lower[:2] == 0).all()
    assert (upper[2:] == 100).all()
    assert (upper[:2] < 30).all()
    assert (lower[2:] > 70).all()


def test_a_size_is_found_at_every_sic():
    """Water and closed ice are surer than what lies between, which is rarer."""
    rng = np.random.default_rng(4)
    part = np.repeat(np.arange(20), 130)
    sic = np.tile(np.repeat([0.0, 50.0, 100.0], [60, 10, 60]), 20)
    size = np.interp(sic, [0, 50, 100], [2, 12, 4])
    reference = sic + rng.laplace(0, size)
    found = calibrate(Cells(sic, reference, reference, part)).calibration
    for place, expected in ((0, 2), (50, 12), (100, 4)):
        for side in found.sizes(place, 0.0):
            assert side == pytest.approx(np.log(10) * expected, rel=0.25)
    ends = found.sizes([0.0, 25.0], 0.0)[0]
    assert found.sizes(12.5, 0.0)[0] == pytest.approx(ends.mean())


def test_a_reference_within_its_interval_is_no_error():
    part = np.repeat(np.arange(10), 50)
    sic = np.random.default_rng(5).uniform(40, 60, part.size)
    wide = calibrate(Cells(sic, np.full(500, 30.0), np.full(500, 70.0), part))
    assert wide.width_percent < 1
    point = calibrate(Cells(sic, np.full(500, 50.0), np.full(500, 50.0), part))
    assert point.width_percent > 10


def test_every_part_counts_the_same():
    small, large = drawn(6, 12, 40), drawn(7, 1, 4000, heavy=2.0)
    large = Cells(
        large.sic_percent, large.low_percent + 30, large.high_percent + 30, large.part + 12
    )
    both = Cells.joined(
        [Cells(small.sic_percent, small.low_percent, small.high_percent, small.part), large]
    )
    assert both.weight.sum() == pytest.approx(1)
    assert both.weight[both.part == 12].sum() == pytest.approx(1 / 13)


def test_slivers_do_not_count_and_large_parts_are_thinned():
    part = np.repeat(np.arange(4), [100, 1000, 100, 3])
    zeros = np.zeros(part.size)
    kept = Cells(zeros, zeros, zeros, part).counting(200)
    assert dict(zip(*np.unique(kept.part, return_counts=True), strict=True)) == {
        0: 100,
        1: 200,
        2: 100,
    }


def test_a_single_part_gives_what_holds_its_own_cells():
    only = drawn(8, 1, 500, blind=True, heavy=0.0)
    found = calibrate(only)
    assert (found.parts, found.coverage, found.calibration.source) == (1, None, SIC)
    assert 0.9 <= held(only, found.calibration) <= 0.96


def test_nothing_stays_nothing():
    found = Calibration(DROPOUT, 2, (3.0,), (3.0,))
    assert np.isnan(found.interval([np.nan], [1.0])).all()
    assert np.isnan(found.interval([50.0], [np.nan])).all()


def test_a_card_keeps_the_calibration():
    found = calibrate(drawn(9)).calibration
    assert Calibration.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("floors", [{"floor_percent": 3.0}, {"floors_percent": [3.0, 3.0]}])
def test_a_card_of_an_earlier_version_is_read_and_not_trusted(floors):
    found = Calibration.from_dict({"method": "dropout", "scale": 2.0, **floors})
    below, above = found.sizes([0.0, 50.0], [0.0, 2.0])
    np.testing.assert_allclose(below, 1.6449 * np.array([3.0, 5.0]), rtol=1e-4)
    np.testing.assert_allclose(above, below)
    assert "train the network again" in found.reason
