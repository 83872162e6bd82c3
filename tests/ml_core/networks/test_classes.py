import json

import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.jobs.network import NetworkInputs
from ml_core.networks.classes import SicClasses


def test_tenths_hold_what_rounds_to_them():
    classes = SicClasses.tenths()
    assert classes.count == 11
    sic = np.array([0, 4.9, 5, 14.9, 15, 50, 94.9, 95, 100])
    np.testing.assert_array_equal(classes.of(sic), [0, 0, 1, 1, 2, 5, 9, 10, 10])
    assert classes.labels[3] == "30 %"


def test_a_missing_value_has_no_class():
    classes = SicClasses.between([15])
    np.testing.assert_array_equal(classes.of(np.array([np.nan, 3, 80])), [-1, 0, 1])
    np.testing.assert_array_equal(classes.counts(np.array([np.nan, 3, 80, 90])), [1, 2])


def test_bounds_make_classes_with_their_middle():
    classes = SicClasses.between([15, 80])
    assert classes.labels == ("0-15 %", "15-80 %", "80-100 %")
    assert classes.values_percent == (7.5, 47.5, 90)
    assert SicClasses.between([15]).labels == ("water, below 15 %", "ice, 15 % and more")


def test_the_expected_sic_weighs_the_classes_by_their_probability():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(11), size=(2, 3, 4)).transpose(0, 3, 1, 2)
    found = SicClasses.tenths().expected_percent(probabilities)
    assert found.shape == (2, 3, 4)
    by_hand = sum(10 * k * probabilities[1, k, 2, 3] for k in range(11))
    assert found[1, 2, 3] == pytest.approx(by_hand)


def test_certain_probabilities_give_back_tenths():
    sic = np.array([[0.0, 30.0, 100.0]])
    one_hot = np.moveaxis(np.eye(11)[SicClasses.tenths().of(sic)], -1, 0)
    np.testing.assert_allclose(SicClasses.tenths().expected_percent(one_hot), sic)


def test_inverse_frequency_lets_every_class_count_the_same():
    weights = SicClasses.between([15, 80]).inverse_frequency(np.array([700, 200, 100]))
    np.testing.assert_allclose(weights * [700, 200, 100], 1000 / 3)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([], "none given"),
        ([80, 15], "class bounds 80, 15: they must increase"),
        ([15, 15], "must increase"),
        ([0, 50], "class bounds 0, 50: each must lie between 0 and 100"),
        ([50, 100], "outer bounds 0 and 100 are left out"),
        ([0, 1], "look like fractions; give percent"),
        ([0.15, 0.8], "class bounds 0.15, 0.8: they look like fractions; give percent"),
        ([float("nan")], "between 0 and 100"),
    ],
)
def test_wrong_bounds_are_refused(bounds, message):
    with pytest.raises(SeaIceError, match=message):
        SicClasses.between(bounds)


def test_an_empty_class_is_refused_with_the_counts():
    classes = SicClasses.between([15, 80])
    with pytest.raises(SeaIceError, match=r"in class 15-80 %, which .* 0-15 %: 5, 15-80 %: 0"):
        classes.check_filled(np.array([5, 0, 7]))
    classes.check_filled(np.array([5, 1, 7]))


def test_classes_survive_a_model_card():
    classes = SicClasses.between([15, 80])
    assert SicClasses.from_dict(json.loads(json.dumps(classes.to_dict()))) == classes
    for damaged in ({}, {**classes.to_dict(), "labels": ["a"]}, {**classes.to_dict(), "labels": 5}):
        with pytest.raises(SeaIceError):
            SicClasses.from_dict(damaged)


def test_a_job_asks_for_its_classes():
    assert SicClasses.from_job(NetworkInputs()) is None
    assert SicClasses.from_job(NetworkInputs(task="classes")) == SicClasses.tenths()
    assert SicClasses.from_job(NetworkInputs(task="classes", class_bounds="15; 80")).count == 3
    with pytest.raises(SeaIceError, match="choose the task classes"):
        SicClasses.from_job(NetworkInputs(class_bounds=(15,)))
