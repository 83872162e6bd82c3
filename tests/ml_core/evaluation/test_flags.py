import numpy as np
import pytest

from ml_core.evaluation import flags
from ml_core.evaluation.flags import (
    COAST,
    COMPARED,
    LAND,
    MISSING,
    NO_DATA,
    OTHER,
    POLE_HOLE,
    classify,
)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (251, POLE_HOLE),
        (253, COAST),
        (254, LAND),
        (255, MISSING),
        (120, LAND),
        (2.54, LAND),  # a fraction of a product in percent
        (254 * 0.004, LAND),  # a fraction of bytes 0-250
        (251 * 0.004, POLE_HOLE),
        (2550, MISSING),
        (-1, OTHER),
        (101, OTHER),
    ],
)
def test_a_flag_is_recognised_by_its_value(raw, kind):
    raw = np.array([[raw]], np.float32)
    assert classify(raw, np.array([[True]]), np.array([[False]])) == kind


def test_sic_and_no_data_are_no_flags():
    raw = np.array([[50, np.nan, 254]], np.float32)
    found = classify(raw, np.array([[True, False, True]]), np.array([[True, False, False]]))
    np.testing.assert_array_equal(found, [[COMPARED, NO_DATA, LAND]])


def test_every_kind_has_a_name_and_a_colour():
    assert len(flags.NAMES) == len(flags.COLOURS) == OTHER + 1
