import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ml_core.datasets.block_split import draw_split_with_test
from ml_core.datasets.cells import CellCounts
from ml_core.errors import SeaIceError
from ml_core.raster.grid import Window

SHAPE, FOOTPRINT = (100, 120), 10.0


@pytest.fixture(scope="module")
def cells():
    field = gaussian_filter(np.random.default_rng(3).normal(size=SHAPE), 8)
    sic = np.clip(50 + 300 * field, 0, 100).astype(np.float32)
    sic[:20, :30] = np.nan
    cells = CellCounts.empty(SHAPE, FOOTPRINT)
    cells.add(0, 0, sic)
    return cells


@pytest.fixture(scope="module")
def split(cells):
    return draw(cells)


def draw(cells, validation=0.15, test=0.15, seed=1):
    return draw_split_with_test(cells, FOOTPRINT, validation, test, np.random.default_rng(seed))


def test_the_parts_are_apart_and_both_kept_from_training(split):
    whole = Window(0, 0, *SHAPE)
    training = split.training(whole)
    validation, test = split.validation(whole), split.testing(whole)
    assert validation.any()
    assert test.any()
    assert not (validation & test).any()
    # by brute force: no training pixel nearer than the buffer to a held-out one
    held = np.argwhere(validation | test)
    for row, col in np.argwhere(training)[::13]:
        assert np.abs(held - (row, col)).max(1).min() >= split.buffer_px
    rows, cols = (np.arange(side)[None] for side in SHAPE)
    np.testing.assert_array_equal(split.training_at(rows, cols)[0], training)


def test_each_part_gets_about_its_share_and_alike_sic(cells):
    split = draw(cells, 0.2, 0.1)
    total = int(cells.count.sum())
    assert split.counts["validation"] / total == pytest.approx(0.2, abs=0.07)
    assert split.counts["test"] / total == pytest.approx(0.1, abs=0.06)
    assert sum(split.counts.values()) == total


def test_the_same_seed_draws_the_same_parts(cells, split):
    assert draw(cells).to_dict() == split.to_dict()
    assert draw(cells, seed=2).blocks != split.blocks


def test_without_a_test_fraction_all_blocks_validate(cells):
    split = draw(cells, test=0)
    assert split.test_blocks == ()
    assert "test" not in split.counts


@pytest.mark.parametrize(
    ("validation", "test", "message"),
    [(0, 0.2, "Validation fraction 0: a comparison needs"), (0.4, 0.3, "leave 0.3 of the ref")],
)
def test_fractions_that_leave_nothing_are_refused(cells, validation, test, message):
    with pytest.raises(SeaIceError, match=message):
        draw(cells, validation, test)
