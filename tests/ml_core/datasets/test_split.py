import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from ml_core.datasets.block_split import draw_folds, draw_split
from ml_core.datasets.cells import CellCounts
from ml_core.datasets.split import Split
from ml_core.errors import SeaIceError
from ml_core.raster.grid import Window
from tests.builders.scenes import ice


def cells_of(sic, decorrelation_px):
    cells = CellCounts.empty(sic.shape, decorrelation_px)
    cells.add(0, 0, sic)
    return cells


def masks(split):
    window = Window(0, 0, *split.shape_px)
    return split.training(window), split.validation(window)


@st.composite
def scenes(draw):
    length = draw(st.integers(3, 20))
    height, width = (round(length * draw(st.floats(6, 15))) for _ in range(2))
    sic = ice((height, width), length, draw(st.integers(0, 99)))
    holes = np.random.default_rng(draw(st.integers(0, 99))).random(sic.shape)
    sic[holes < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    return sic, length


@settings(max_examples=12, deadline=None)
@given(scenes(), st.integers(0, 1000))
def test_parts_are_apart_by_a_footprint_and_like_the_scene(scene, seed):
    sic, length = scene
    split = draw_split(cells_of(sic, length), length, 0.2, np.random.default_rng(seed))
    training, validation = masks(split)
    assert len(split.blocks) >= 2
    assert not (training & validation).any()
    # every training pixel lies farther from every validation pixel than a footprint
    assert distance_transform_edt(~validation)[training].min() > length
    # blocks are disjoint: their areas add up
    assert validation.sum() == sum(b.height * b.width for b in split.blocks)
    known = np.isfinite(sic)
    assert split.counts == {
        "training": (training & known).sum(),
        "validation": (validation & known).sum(),
        "buffer": (~training & ~validation & known).sum(),
        "left out": 0,
    }
    assert 0.1 <= (validation & known).sum() / known.sum() <= 0.32
    assert (training & known).sum() >= 0.2 * known.sum()
    # validation spans the scene's range
    whole_range = np.ptp(np.nanquantile(sic, (0.05, 0.95)))
    assert np.ptp(sic[validation & known]) >= 0.6 * whole_range


def test_the_buffer_is_wider_where_the_scene_allows():
    sic = ice((240, 240), 10)
    split = draw_split(cells_of(sic, 10), 10, 0.2, np.random.default_rng(1))
    assert split.buffer_px >= 15
    sic = ice((75, 75), 12)
    split = draw_split(cells_of(sic, 12), 12, 0.2, np.random.default_rng(1))
    assert 12 <= split.buffer_px < 18


def test_the_seed_decides():
    cells = cells_of(ice((120, 160), 10), 10)

    def blocks(seed):
        return draw_split(cells, 10, 0.2, np.random.default_rng(seed)).blocks

    assert blocks(1) == blocks(1)
    assert blocks(1) != blocks(2)


def test_windows_and_places_give_the_same_as_the_whole():
    cells = cells_of(ice((120, 160), 10), 10)
    split = draw_split(cells, 10, 0.2, np.random.default_rng(3))
    training, validation = masks(split)
    window = Window(-5, 30, 70, 140)
    inside = (slice(0, 65), slice(30, 160))
    assert np.array_equal(split.training(window)[5:, :130], training[inside])
    assert np.array_equal(split.validation(window)[5:, :130], validation[inside])
    rows, cols = np.array([[4, 5], [60, 61]]), np.array([[7, 8, 9], [100, 101, 102]])
    at = split.training_at(rows, cols)
    assert np.array_equal(at[1], training[60:62, 100:103])


def test_a_scene_that_is_too_small_says_its_sizes():
    sic = ice((40, 50), 20)
    with pytest.raises(SeaIceError) as caught:
        draw_split(cells_of(sic, 20), 20, 0.2, np.random.default_rng(1))
    message = str(caught.value)
    assert "40 x 50 px" in message
    assert "2.0 x 2.5 footprints of 20 px" in message
    assert "Validation fraction" in message


def test_no_validation_trains_on_everything():
    cells = cells_of(ice((40, 50), 20), 20)
    split = draw_split(cells, 20, 0.0, np.random.default_rng(1))
    assert split.blocks == Split.full(cells).blocks == ()
    assert masks(split)[0].all()
    assert split.counts["training"] == 2000


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_cover_the_scene_once_and_keep_their_distance(folds):
    sic = ice((150, 210), 10)
    splits = draw_folds(cells_of(sic, 10), 10, folds)
    parts = [masks(split) for split in splits]
    assert np.array_equal(sum(v.astype(int) for _, v in parts), np.ones(sic.shape))
    for training, validation in parts:
        assert distance_transform_edt(~validation)[training].min() > 10
        assert abs(validation.mean() - 1 / folds) < 0.1


@pytest.mark.parametrize("fraction", [0.3, 0.7])
def test_a_data_fraction_leaves_out_whole_footprints_of_the_training_part(fraction):
    cells = cells_of(ice((300, 300), 10), 10)
    split = draw_split(cells, 10, 0.2, np.random.default_rng(3))
    part = split.reduced(cells, fraction, np.random.default_rng(4))
    all_training, validation = masks(split)
    training, same_validation = masks(part)
    assert np.array_equal(validation, same_validation)
    assert not (training & ~all_training).any()
    assert abs(training.sum() / all_training.sum() - fraction) < 0.02
    assert part.counts["training"] == training.sum()
    assert part.counts["left out"] == (all_training & ~training).sum()
    side = 4 * cells.size_px
    for row in range(0, 300 - side, side):
        for col in range(0, 300 - side, side):
            square = (slice(row, row + side), slice(col, col + side))
            kept, before = training[square], all_training[square]
            assert not kept.any() or np.array_equal(kept, before)
    assert split.reduced(cells, 1.0, np.random.default_rng(4)) is split


def test_too_many_folds_say_their_sizes():
    with pytest.raises(SeaIceError, match=r"9 folds are too many.*\d+ x \d+ px.*fewer folds"):
        draw_folds(cells_of(ice((60, 60), 20), 20), 20, 9)


def test_cells_count_what_windows_bring():
    sic = ice((70, 50), 8)
    sic[::3] = np.nan
    at_once = cells_of(sic, 8)
    by_parts = CellCounts.empty(sic.shape, 8)
    for row in range(0, 70, 32):
        by_parts.add(row, 0, sic[row : row + 32])
    assert np.array_equal(at_once.histogram, by_parts.histogram)
    assert at_once.count.sum() == np.isfinite(sic).sum()
