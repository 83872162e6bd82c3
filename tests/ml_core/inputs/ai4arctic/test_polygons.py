import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.ai4arctic.file import Ai4ArcticFile
from ml_core.inputs.ai4arctic.polygons import classes, read
from tests.builders.ai4arctic import CODES, HEADER, SIC, MadeUpArctic, codes_line

CHALLENGE = {0: 0, 1: 0, 2: 0, 55: 0, 91: 100, 92: 100, **{10 * k: 10 * k for k in range(1, 10)}}
"""Percent by code, as the challenge's own conversion has it."""


def table_of(tmp_path, table, **more):
    made = MadeUpArctic(shape=(60, 64), table=table)
    with Ai4ArcticFile.open(str(made.raw(tmp_path, **more))) as file:
        return read(file)


def error_of(tmp_path, table, **more):
    with pytest.raises(SeaIceError) as caught:
        table_of(tmp_path, table, **more)
    return str(caught.value)


@pytest.mark.parametrize("characters", [False, True])
@pytest.mark.parametrize("header", [HEADER, HEADER.replace("poly_id", "id")])
def test_polygons_get_the_sic_of_their_codes(tmp_path, characters, header):
    lines = [header, *(codes_line(*each) for each in CODES.items())]
    table = table_of(tmp_path, lines, characters=characters)
    numbers = np.array([[*SIC, np.nan]], np.float32)
    assert table.sic_percent(numbers)[0, 0].tolist() == pytest.approx(
        [*SIC.values(), np.nan], nan_ok=True
    )
    assert not table.warnings
    assert not table.unlisted


def test_codes_mean_what_they_do_in_the_challenge(tmp_path):
    lines = [HEADER, *(codes_line(code + 1, f"{code:02d}") for code in CHALLENGE)]
    table = table_of(tmp_path, lines)
    assert (
        dict(zip((table.numbers - 1).tolist(), table.percent[0].tolist(), strict=True)) == CHALLENGE
    )


def test_a_real_table_has_a_sic_for_every_polygon(tmp_path, real_data):
    path = real_data / "sigrid3_codes" / "polygon_codes.csv"
    lines = path.read_text().splitlines()
    table = table_of(tmp_path, lines)
    rows = [line.split(";") for line in lines[1:]]
    found = table.sic_percent(np.array([float(row[0]) for row in rows], np.float32))[0]
    assert found.tolist() == [CHALLENGE[int(row[1])] for row in rows]


def test_unknown_and_strange_codes_have_no_sic_and_water_does(tmp_path):
    codes = {
        1: ("-9", "I"),
        2: ("99", "I"),
        3: ("-9", "W"),
        4: ("77", "I"),
        5: ("30", "L"),
        6: ("40", "I"),
    }
    lines = [HEADER, *(codes_line(number, *each) for number, each in codes.items())]
    table = table_of(tmp_path, lines)
    assert table.percent[0].tolist() == pytest.approx(
        [np.nan, np.nan, 0, np.nan, np.nan, 40], nan_ok=True
    )
    assert any("SIGRID-3 does not have" in text and "77 (1)" in text for text in table.warnings)
    assert any("2 polygons have an unknown" in text for text in table.notes)
    assert any("1 polygons are land" in text for text in table.notes)


def test_a_polygon_that_is_not_listed_is_remembered(tmp_path):
    table = table_of(tmp_path, [HEADER, codes_line(7, "30"), codes_line(9, "50")])
    found = table.sic_percent(np.array([7, 8, 9, 400, 0], np.float32))[0]
    assert found.tolist() == pytest.approx([30, np.nan, 50, np.nan, np.nan], nan_ok=True)
    assert table.unlisted == {0, 8, 400}


def test_a_polygon_that_is_listed_with_two_concentrations_has_none(tmp_path):
    lines = [
        HEADER,
        codes_line(7, "30"),
        codes_line(7, "50"),
        codes_line(8, "20"),
        codes_line(8, "20"),
    ]
    table = table_of(tmp_path, lines)
    assert table.numbers.tolist() == [7, 8]
    assert table.percent[0].tolist() == pytest.approx([np.nan, 20], nan_ok=True)
    assert "2 polygons are listed more than once" in table.warnings[0]


def test_a_bad_table_is_refused(tmp_path):
    assert "has no variable polygon_codes" in error_of(
        tmp_path, [HEADER], without=("polygon_codes",)
    )
    assert "polygon_codes has no polygons" in error_of(tmp_path, [HEADER])
    assert "begins with 'number;code'; a line with poly_id (or id) and CT" in error_of(
        tmp_path, ["number;code", "1;30"]
    )
    assert "has the line '1;30' of 2 fields, 15 expected" in error_of(tmp_path, [HEADER, "1;30"])
    assert "a polygon without a number" in error_of(tmp_path, [HEADER, codes_line("x", "30")])


def test_classes_are_tens_of_percent_and_255_is_masked():
    table = classes()
    found = table.sic_percent(np.array([0, 1, 10, 255, 11], np.float32))[0]
    assert found.tolist() == pytest.approx([0, 10, 100, np.nan, np.nan], nan_ok=True)
    assert table.unlisted == {11}


def test_bounds_are_those_of_the_codes(tmp_path):
    codes = {1: "91", 2: "92", 3: "24", 4: "60", 5: "01"}
    table = table_of(tmp_path, [HEADER, *(codes_line(*each) for each in codes.items())])
    assert table.percent[1:].T.tolist() == [[90, 100], [100, 100], [20, 40], [60, 60], [0, 10]]
    # a class does not say whether it is 9+/10 or 10/10
    assert classes().percent[:, [0, 3, 10]].T.tolist() == [[0, 0, 0], [30, 30, 30], [100, 90, 100]]
