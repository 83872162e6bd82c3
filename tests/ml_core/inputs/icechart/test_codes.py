import csv

import pytest

from ml_core.inputs.icechart.codes import CODES, UNKNOWN, parse, percent

STANDARD = {
    # code: low, high, value
    0: (0, 0, 0),
    1: (0, 10, 0),
    2: (0, 0, 0),
    55: (0, 0, 0),
    10: (10, 10, 10),
    12: (10, 20, 15),
    13: (10, 30, 20),
    20: (20, 20, 20),
    23: (20, 30, 25),
    24: (20, 40, 30),
    34: (30, 40, 35),
    35: (30, 50, 40),
    45: (40, 50, 45),
    46: (40, 60, 50),
    50: (50, 50, 50),
    56: (50, 60, 55),
    57: (50, 70, 60),
    67: (60, 70, 65),
    68: (60, 80, 70),
    78: (70, 80, 75),
    79: (70, 90, 80),
    81: (80, 100, 90),
    89: (80, 90, 85),
    90: (90, 90, 90),
    91: (90, 100, 95),
    92: (100, 100, 100),
}


@pytest.mark.parametrize(("code", "expected"), STANDARD.items())
def test_codes(code, expected):
    meaning = percent(code, "middle")
    assert (meaning.low, meaning.high, meaning.value) == expected


def test_no_other_codes():
    assert set(CODES) == set(STANDARD) | {30, 40, 60, 70, 80}
    assert percent(77, "middle") is None
    assert percent(14, "middle") is None


def test_ai4arctic_has_whole_ice_for_nine_plus():
    assert percent(91, "ai4arctic").value == 100
    assert percent(90, "ai4arctic").value == 90
    assert percent(1, "ai4arctic").value == 0


@pytest.mark.parametrize(
    ("value", "code"),
    [("91", 91), (" 01", 1), ("00", 0), (91, 91), (91.0, 91), ("91.0", 91), ("-9", -9)],
)
def test_parse(value, code):
    assert parse(value) == code


@pytest.mark.parametrize("value", [None, "", "9+", "ice", float("nan"), "9.5"])
def test_parse_what_is_no_code(value):
    assert parse(value) is None


def test_real_rows(real_data):
    with open(real_data / "sigrid3_codes" / "polygon_codes.csv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == 43
    for row in rows:
        code = parse(row["CT"])
        assert code not in UNKNOWN
        meaning = percent(code, "middle")
        assert meaning is not None
        # water polygons are bergy water here; partial concentrations sum to the total
        assert (row["POLY_TYPE"] == "W") == (meaning.value == 0)
        partial = [parse(row[name]) for name in ("CA", "CB", "CC")]
        if -9 not in partial[:2]:
            total = sum(percent(code, "middle").value for code in partial if code != -9)
            assert meaning.low <= total <= meaning.high
