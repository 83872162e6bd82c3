import pytest

from ml_core.evaluation.fit_diagnosis import RULE, diagnose

FALLING = [400, 200, 100, 60, 40, 30, 20]


@pytest.mark.parametrize(
    ("validation", "rmse", "linear", "label"),
    [
        ([420, 220, 120, 80, 60, 55, 50], (6.0, 8.0), 20.0, "fitted"),
        ([420, 220, 120, 80, 60, 55, 50], (6.0, 8.0), None, "fitted"),
        ([420, 220, 120, 150, 200, 250, 300], (6.0, 8.0), 20.0, "over-fitted"),
        ([420, 220, 120, 80, 60, 55, 50], (4.0, 8.1), 20.0, "over-fitted"),
        # a rise of the mean over three epochs by less than 15 % is none
        ([90, 90, 90, 90, 90, 90, 110], (6.0, 8.0), 20.0, "fitted"),
        ([420, 220, 120, 80, 60, 55, 50], (18.1, 19.0), 20.0, "under-fitted"),
        ([420, 220, 120, 80, 60, 55, 50], (17.9, 19.0), 20.0, "fitted"),
        ([None] * 7, (6.0, None), 20.0, "not validated"),
    ],
)
def test_the_diagnosis_follows_the_rule(validation, rmse, linear, label):
    assert diagnose(FALLING, validation, *rmse, linear).label == label


def test_the_numbers_behind_it_are_given():
    reason = diagnose([4, 3, 2], [5, 4, 4], 6.0, 9.0, 20.0).reason
    assert "RMSE 6.0 % on training and 9.0 % on validation (1.5 times)" in reason
    assert "regression on backscatter is 20.0 %" in reason


def test_the_rule_states_its_limits():
    for limit in ("15 % above", "2 times", "90 %"):
        assert limit in RULE
