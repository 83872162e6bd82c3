import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from ml_core.evaluation.bins import CHART, PERCENT, TENTHS
from ml_core.evaluation.metrics import Confusion, Density, ErrorSums


def pairs(seed, n=500):
    rng = np.random.default_rng(seed)
    reference = np.clip(rng.normal(50, 60, n), 0, 100)
    return np.clip(reference + rng.normal(3, 15, n), 0, 100), reference


def assert_equals_oracle(scores, predicted, reference):
    assert scores.count == reference.size
    assert scores.rmse_percent == pytest.approx(
        oracle.root_mean_squared_error(reference, predicted)
    )
    assert scores.mae_percent == pytest.approx(oracle.mean_absolute_error(reference, predicted))
    assert scores.bias_percent == pytest.approx(np.mean(predicted - reference), abs=1e-9)
    assert scores.reference_mean_percent == pytest.approx(reference.mean())
    assert scores.reference_std_percent == pytest.approx(reference.std(), abs=1e-5)
    assert scores.prediction_mean_percent == pytest.approx(predicted.mean())


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 499), max_size=4))
def test_scores_equal_scikit_learn_however_the_cells_are_cut_into_blocks(seed, cuts):
    predicted, reference = pairs(seed)
    sums = ErrorSums()
    for p, r in zip(
        np.split(predicted, sorted(cuts)), np.split(reference, sorted(cuts)), strict=True
    ):
        sums.add(p, r)
    scores = sums.total()
    assert_equals_oracle(scores, predicted, reference)
    assert scores.r2 == pytest.approx(oracle.r2_score(reference, predicted))


@pytest.mark.parametrize("bins", [PERCENT, TENTHS, CHART])
def test_each_bin_scores_as_if_it_were_alone(bins):
    predicted, reference = pairs(3)
    sums = ErrorSums(len(bins))
    index = bins.index(reference)
    sums.add(predicted, reference, index)
    for number, scores in enumerate(sums.scores()):
        here = index == number
        if here.any():
            assert_equals_oracle(scores, predicted[here], reference[here])
    assert_equals_oracle(sums.total(), predicted, reference)


def test_without_cells_everything_is_undefined():
    scores = ErrorSums().total()
    assert scores.count == 0
    assert scores.rmse_percent is scores.mae_percent is scores.bias_percent is scores.r2 is None
    assert scores.r2_withheld == "no cells"
    assert scores.prediction_mean_percent is None


def test_r2_is_withheld_where_the_reference_hardly_varies():
    sums = ErrorSums()
    sums.add(np.full(100, 90.0), np.full(100, 97.3))
    scores = sums.total()
    assert scores.r2 is None
    assert scores.r2_withheld.startswith("the reference varies by 0.0 % only")
    assert scores.rmse_percent == pytest.approx(7.3)
    assert scores.reference_std_percent == pytest.approx(0, abs=1e-6)


def test_r2_is_withheld_for_few_cells():
    sums = ErrorSums()
    sums.add(np.linspace(0, 100, 19), np.linspace(0, 90, 19))
    assert sums.total().r2_withheld == "19 cells are too few; 20 are needed"


@pytest.mark.parametrize(
    ("bins", "sic", "label"),
    [
        (PERCENT, 0.0, "0"),
        (PERCENT, -2.0, "0"),
        (PERCENT, 0.49, "0"),
        (PERCENT, 0.5, "1–10"),
        (PERCENT, 10.4, "1–10"),
        (PERCENT, 10.6, "11–20"),
        (PERCENT, 55.0, "51–60"),
        (PERCENT, 90.6, "91–99"),
        (PERCENT, 99.4, "91–99"),
        (PERCENT, 99.5, "100"),
        (PERCENT, 103.0, "100"),
        (TENTHS, 4.9, "<1"),
        (TENTHS, 5.0, "1"),
        (TENTHS, 94.9, "9"),
        (TENTHS, 95.0, "10"),
        (CHART, 0.0, "ice free"),
        (CHART, 9.9, "open water (<1/10)"),
        (CHART, 30.0, "very open (1–3/10)"),
        (CHART, 60.0, "open (4–6/10)"),
        (CHART, 80.0, "close (7–8/10)"),
        (CHART, 100.0, "very close, compact (9–10/10)"),
    ],
)
def test_bins(bins, sic, label):
    assert bins.labels[bins.index([sic])[0]] == label
    assert len(bins.starts) == len(bins) - 1


def test_confusion_equals_scikit_learn():
    predicted, reference = (TENTHS.index(values) for values in pairs(5))
    confusion = Confusion(11)
    confusion.add(predicted[:100], reference[:100])
    confusion.add(predicted[100:], reference[100:])
    np.testing.assert_array_equal(
        confusion.counts, oracle.confusion_matrix(reference, predicted, labels=range(11))
    )
    assert confusion.within(0) == pytest.approx(oracle.accuracy_score(reference, predicted))
    assert confusion.within(1) == pytest.approx(np.mean(np.abs(predicted - reference) <= 1))
    assert confusion.within(10) == 1
    assert Confusion(3).within(1) is None


def test_density_counts_every_cell_once():
    density = Density([0, 50, 100])
    density.add([-5.0, 49.0, 50.0, 130.0], [10.0, 60.0, 100.0, 0.0])
    np.testing.assert_array_equal(density.counts, [[1, 1], [1, 1]])
