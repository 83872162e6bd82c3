import csv
import math

import pytest
from jinja2.filters import do_mark_safe

from ml_core.reports.tables import text, write_csv


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


def test_what_a_template_has_escaped_stays_escaped():
    escaped = do_mark_safe("&lt;b&gt;")
    assert type(text(escaped)) is type(escaped)


def test_csv_keeps_full_precision_and_leaves_undefined_cells_empty(tmp_path):
    rows = [("1-10", 1 / 3), ('odd, "bin"', None), ("0", math.nan)]
    write_csv(str(tmp_path / "t.csv"), [{"Bin": label, "rmse": rmse} for label, rmse in rows])
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["Bin", "rmse"]
    assert float(rows[1][1]) == 1 / 3
    assert rows[2:] == [['odd, "bin"', ""], ["0", ""]]
