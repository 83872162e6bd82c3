import csv
import math

import pytest

from ml_core.reports.tables import Column, Table, text


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (None, None, "–"),
        (math.nan, 1, "–"),
        (math.inf, 1, "–"),
        (1.26, 1, "1.3"),
        (-1.26, 1, "−1.3"),
        (-0.04, 1, "0.0"),
        (12345.6, 0, "12\u202f346"),
        (1e-7, None, "1e−07"),
        (0.000123456, None, "0.0001235"),
        (1234567, None, "1\u202f234\u202f567"),
        (True, None, "yes"),
        ("a-b", None, "a-b"),
    ],
)
def test_text(value, decimals, shown):
    assert text(value, decimals) == shown


def test_csv_keeps_full_precision_and_leaves_undefined_cells_empty(tmp_path):
    table = Table(
        [Column("Bin"), Column("RMSE", "%", 1, name="rmse_percent")],
        [["1-10", 1 / 3], ['odd, "bin"', None], ["0", math.nan]],
    )
    table.write_csv(str(tmp_path / "t.csv"))
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["Bin", "rmse_percent"]
    assert float(rows[1][1]) == 1 / 3
    assert rows[2:] == [['odd, "bin"', ""], ["0", ""]]


def test_a_row_must_fit_the_columns():
    with pytest.raises(ValueError, match="a row of 1 values, 2 columns"):
        Table([Column("a"), Column("b")], [["x"]])
