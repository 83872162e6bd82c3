import numpy as np
import pytest

from ml_core.evaluation.bins import CHART, PERCENT, TENTHS


@pytest.mark.parametrize(
    ("bins", "sic", "label"),
    [
        (PERCENT, 0.4, "0"),
        (PERCENT, 0.5, "1–10"),
        (PERCENT, 10.4, "1–10"),
        (PERCENT, 99.5, "100"),
        (TENTHS, 4.9, "<1"),
        (TENTHS, 5.0, "1"),
        (TENTHS, 94.9, "9"),
        (TENTHS, 100.0, "10"),
        (CHART, 0.9, "ice free"),
        (CHART, 9.0, "open water (<1/10)"),
        (CHART, 34.9, "very open (1–3/10)"),
        (CHART, 100.0, "very close, compact (9–10/10)"),
    ],
)
def test_a_sic_lies_in_the_bin_of_its_rounded_value(bins, sic, label):
    assert bins.labels[bins.index(sic)] == label


@pytest.mark.parametrize("bins", [PERCENT, TENTHS, CHART])
def test_bins_cover_all_sic_in_order(bins):
    assert len(bins.starts) == len(bins) - 1
    numbers = bins.index(np.linspace(0, 100, 2001))
    np.testing.assert_array_equal(np.unique(numbers), np.arange(len(bins)))
    assert (np.diff(numbers) >= 0).all()
