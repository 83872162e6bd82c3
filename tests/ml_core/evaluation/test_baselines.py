import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from ml_core.evaluation import baselines
from ml_core.evaluation.baselines import LABELS, ReferenceSample, cross_fitted, predict


@pytest.fixture
def cells():
    rng = np.random.default_rng(2)
    row, col = (index.ravel() for index in np.indices((40, 30)))
    features = rng.normal(-12, 3, (row.size, 2))
    sic = np.clip(50 + 12 * (features[:, 0] + 12) - 5 * (features[:, 1] + 12) + row, 0, 100)
    return ReferenceSample(row, col, sic, features)


def test_linear_equals_scikit_learn(cells):
    expected = LinearRegression().fit(cells.features[:700], cells.sic[:700])
    np.testing.assert_allclose(
        baselines.linear(cells.features[:700], cells.sic[:700], cells.features[700:]),
        np.clip(expected.predict(cells.features[700:]), 0, 100),
    )


def test_linear_of_features_that_do_not_vary_is_the_mean():
    features = np.full((5, 2), -12.0)
    np.testing.assert_allclose(baselines.linear(features, [0, 50, 100, 0, 50], features), 40)


def test_nearest_equals_scikit_learn():
    rng = np.random.default_rng(4)
    train, place, sic = rng.normal(size=(60, 2)), rng.normal(size=(40, 2)), rng.uniform(size=60)
    expected = KNeighborsRegressor(1).fit(train, sic).predict(place)
    np.testing.assert_allclose(baselines.nearest(train, sic, place), expected)


def test_column_mean_takes_the_nearest_column_where_its_own_is_missing():
    found = baselines.column_mean([2, 2, 5, 9], [10, 20, 40, 90], [0, 2, 3, 4, 5, 8, 99])
    np.testing.assert_allclose(found, [15, 15, 15, 40, 40, 90, 90])


def test_predict_gives_each_baseline_and_needs_backscatter_for_the_regression(cells):
    train, test = cells.part(cells.row < 20), cells.part(cells.row >= 20)
    assert set(predict(train, test)) == set(LABELS)
    bare = ReferenceSample(train.row, train.col, train.sic)
    assert set(predict(bare, test)) == set(LABELS) - {"linear"}
    assert predict(train, test)["mean"][0] == pytest.approx(train.sic.mean())


def test_nearest_measures_in_metres(cells):
    train = ReferenceSample(np.array([0, 3]), np.array([0, 4]), np.array([1.0, 2.0]))
    test = ReferenceSample(np.array([0]), np.array([4]), np.array([0.0]))
    assert predict(train, test)["nearest"] == [2]  # 3 rows, or 4 columns away
    assert predict(train, test, (100.0, 1.0))["nearest"] == [1]


def test_cross_fitted_cells_never_learn_from_their_own_half_or_the_gap():
    # what is learnt is told by the value alone: the row, or the column
    row, col = (index.ravel() for index in np.indices((40, 40)))
    for told in (row, col):
        cells = ReferenceSample(row, col, told.astype(float))
        nearest = cross_fitted(cells, (1000.0, 1000.0), 5000.0)["nearest"]
        # halved along the value, each half would get 14 or 25, 5.5 km from the border; halved
        # across it, which is kinder, the value itself
        np.testing.assert_array_equal(nearest, told)
    diagonal = ReferenceSample(row, col, (row + col).astype(float))
    nearest = cross_fitted(diagonal, (1000.0, 1000.0), 5000.0)["nearest"]
    lower = row >= 20
    np.testing.assert_array_equal(nearest[lower], 14 + col[lower])
    np.testing.assert_array_equal(nearest[~lower], 25 + col[~lower])


def test_the_mean_is_that_of_all_cells():
    row, col = (index.ravel() for index in np.indices((10, 10)))
    sic = np.where(col < 5, 0.0, 100.0)
    found = cross_fitted(ReferenceSample(row, col, sic), (1.0, 1.0), 0.0)
    np.testing.assert_array_equal(found["mean"], 50)


def test_cross_fitted_knows_the_mean_alone_where_a_half_is_within_the_gap(cells):
    assert set(cross_fitted(cells, (1000.0, 1000.0), 1e6)) == {"mean"}
    assert cross_fitted(cells.part(cells.row < 0), (1.0, 1.0), 0.0) == {}


@pytest.mark.skipif("SEAICE_TEST_DATA" not in os.environ, reason="real data are not here")
def test_position_alone_predicts_the_real_scene_well():
    """A score on one scene says little without this: the measured figures of two folds."""
    rasterio = pytest.importorskip("rasterio")
    path = Path(os.environ["SEAICE_TEST_DATA"], "nersc_course_scene", "sic.tif")
    with rasterio.open(path) as dataset:
        sic = dataset.read(1)
    row, col = (index.ravel() for index in np.indices(sic.shape))
    cells = ReferenceSample(row, col, sic.ravel())
    for train_rows, test_rows, mean, column_mean, nearest in (
        ((0, 179), (230, 392), 39.3, 19.9, 14.4),
        ((213, 392), (0, 162), 38.9, 21.1, 25.4),
    ):
        train = cells.part((row >= train_rows[0]) & (row <= train_rows[1]))
        test = cells.part((row >= test_rows[0]) & (row <= test_rows[1]))
        rmse = {
            name: np.sqrt(np.mean((values - test.sic) ** 2))
            for name, values in predict(train, test).items()
        }
        assert rmse["mean"] == pytest.approx(mean, abs=0.05)
        assert rmse["column_mean"] == pytest.approx(column_mean, abs=0.05)
        assert rmse["nearest"] == pytest.approx(nearest, abs=0.05)
