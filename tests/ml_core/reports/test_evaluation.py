import base64
import csv
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ml_core.evaluation.accumulator import Block, Comparison, Subject
from ml_core.evaluation.bins import PERCENT
from ml_core.evaluation.flags import COMPARED, LAND
from ml_core.evaluation.result import conclude
from ml_core.raster.grid import Window
from ml_core.reports import evaluation_figures as figures
from ml_core.reports.evaluation import notices, write_report
from ml_core.reports.evaluation_table import numbers, write_table

SHAPE, CELL_M = (40, 60), 10_000


@pytest.fixture(scope="module")
def fields():
    rng = np.random.default_rng(1)
    reference = np.clip(np.linspace(-20, 120, 60) + rng.normal(0, 5, SHAPE), 0, 100)
    predicted = np.clip(reference + rng.normal(3, 8, SHAPE), 0, 100)
    kinds = np.where(rng.random(SHAPE) < 0.1, LAND, COMPARED).astype(np.uint8)
    return predicted.astype(np.float32), reference.astype(np.float32), kinds


@pytest.fixture
def compared(fields, make_grid):
    predicted, reference, kinds = fields
    grid = make_grid(*SHAPE, CELL_M)
    comparison = Comparison(grid)
    area = np.full(SHAPE, 100.0)
    comparison.add(Block(Window(0, 0, *SHAPE), predicted, reference, kinds, area))
    subject = Subject("map.tif", "sic.tif", grid, grid, float(CELL_M), False)
    return conclude(comparison, CELL_M, seed=1), subject


def test_the_numbers_are_those_of_the_cells(compared, fields):
    predicted, reference, kinds = fields
    error = (predicted - reference)[kinds == COMPARED].astype(float)
    found = numbers(compared[0])
    assert found["COUNT"] == error.size
    assert found["RMSE"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)
    assert found["BIAS"] == pytest.approx(error.mean(), rel=1e-4)
    ice = [(values >= 15) & (kinds == COMPARED) for values in (predicted, reference)]
    assert found["EXTENT_PREDICTION"] == pytest.approx(100 * ice[0].sum())
    assert found["IIEE"] == pytest.approx(100 * (ice[0] != ice[1]).sum())
    assert "COVERAGE_90" not in found  # there is no uncertainty


def test_the_table_has_the_numbers_with_their_bins(compared, fields, tmp_path):
    _, reference, kinds = fields
    write_table(str(tmp_path / "t.csv"), compared[0])
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    value = {(row["section"], row["item"], row["quantity"]): row["value"] for row in rows}
    assert float(value["all", "", "rmse"]) == pytest.approx(numbers(compared[0])["RMSE"])
    assert int(value["cells", "land", "count"]) == (kinds == LAND).sum()
    whole = (np.round(reference) == 100) & (kinds == COMPARED)
    assert int(value["reference bin", "100", "count"]) == whole.sum()


def test_the_page_has_the_errors_and_whether_baselines_are_beaten(compared, tmp_path):
    result, subject = compared
    write_report(str(tmp_path / "r.html"), result, subject)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"{result.scores.rmse_percent:.1f}" in page
    ((text, _), *_) = notices(result, subject)
    best = min(b.scores.rmse_percent for b in result.baselines)
    beaten = result.scores.rmse_percent < best
    assert ("beats every baseline" in text) == beaten
    assert text in page


def test_figures_are_drawings(compared):
    comparison = compared[0].comparison
    for picture in (
        figures.maps_of(comparison),
        figures.density_of(comparison),
        figures.reliability_of(comparison),
        figures.bars_of(comparison.grouped(PERCENT), PERCENT),
        figures.confusion_of(comparison.confusion),
    ):
        svg = ET.fromstring(base64.b64decode(picture.uri.partition(",")[2]))
        assert len(list(svg.iter())) > 50
