import numpy as np
import shapely
from affine import Affine
from rasterio.crs import CRS

from ml_core.inputs.icechart import rasterising
from ml_core.inputs.icechart.chart import Chart
from ml_core.inputs.icechart.rasterising import rasterised
from ml_core.raster.grid import Grid

GRID = Grid(CRS.from_epsg(3413), Affine(10, 0, 0, 0, -10, 60), 6, 8)


def box(row, col, height, width):
    return shapely.box(10 * col, 60 - 10 * (row + height), 10 * (col + width), 60 - 10 * row)


def chart(*polygons):
    """A chart of (polygon, number, SIC)."""
    shapes, ids, sic = zip(*polygons, strict=True)
    return Chart(np.array(shapes), np.array(ids, np.int32), np.array([sic] * 3, np.float32))


def test_pixels_get_the_polygon_of_their_centre(monkeypatch):
    found = chart((box(0, 0, 3, 4), 7, 30), (box(0, 4, 6, 3.4), 9, 80))
    monkeypatch.setattr(rasterising, "_BLOCK_PX", 4)
    blocks = list(rasterised(found, GRID))
    assert len(blocks) == 4
    number, sic = np.full((6, 8), -1), np.full((6, 8), -1.0)
    for block in blocks:
        number[block.window.slices] = block.number
        sic[block.window.slices] = block.percent[0]
    expected = np.zeros((6, 8), int)
    expected[:3, :4], expected[:, 4:7] = 7, 9
    assert np.array_equal(number, expected)
    expected_sic = np.where(expected == 7, 30, np.where(expected == 9, 80, np.nan))
    assert np.array_equal(sic, expected_sic, equal_nan=True)
    totals = {name: sum(block.counts()[name] for block in blocks) for name in blocks[0].counts()}
    assert totals == {
        "total": 48,
        "valid": 30,
        "uncovered": 18,
        "overlapping": 0,
        "contradicting": 0,
        "sum_percent": 12 * 30 + 18 * 80,
    }


def test_where_polygons_overlap_they_must_agree():
    found = chart((box(0, 0, 2, 4), 1, 50), (box(1, 0, 2, 4), 2, 50), (box(0, 3, 6, 2), 3, 90))
    (block,) = rasterised(found, GRID)
    assert block.overlapping.sum() == 4 + 2
    assert block.contradicting.sum() == 3
    assert block.contradicting[:3, 3].all()
    assert block.percent[0, 1, 0] == 50
    assert np.isnan(block.percent[:, :3, 3]).all()
    assert block.percent[0, 4, 3] == 90


def test_polygons_without_sic_overlap_without_contradiction():
    found = chart((box(0, 0, 6, 8), 1, np.nan), (box(2, 2, 2, 2), 2, np.nan))
    (block,) = rasterised(found, GRID)
    assert block.overlapping.sum() == 4
    assert not block.contradicting.any()
    assert block.counts()["valid"] == 0
