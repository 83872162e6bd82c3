"""What of a chart needs no scene's pixels; the rest is tested with the job `icecharttosic`."""

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from ml_core.errors import SeaIceError
from ml_core.inputs.icechart.chart import read
from ml_core.jobs.sources import VectorSource
from ml_core.raster.grid import Grid

GRID = Grid(CRS.from_epsg(3413), Affine(500, 0, 600_000, 0, -500, -200_000), 100, 120)


def write(path, shapes, fields):
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for shape in shapes], object),
        field_data=[np.array(values, object) for values in fields.values()],
        fields=list(fields),
        geometry_type="Unknown",
        crs="EPSG:3413",
        driver="GPKG",
    )
    return VectorSource(str(path))


def test_a_repaired_polygon_keeps_its_area_and_not_its_lines(tmp_path):
    # two squares that touch in a point of an hourglass, and a spike without area
    hourglass = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2), (0, 0)])
    spiked = shapely.Polygon([(0, 0), (4, 0), (4, 4), (9, 4), (4, 4), (0, 4), (0, 0)])
    chart = read(write(tmp_path / "chart.gpkg", [hourglass, spiked], {"CT": ["91", "91"]}), GRID)
    assert shapely.area(chart.polygons).tolist() == [2, 16]
    assert np.isin(shapely.get_type_id(chart.polygons), (3, 6)).all()
    assert "2 polygons cross or touch themselves" in chart.warnings[0]


def test_lines_and_points_are_left_out_with_their_values(tmp_path):
    shapes = [shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 0, 1, 1), shapely.Point(0, 0)]
    chart = read(write(tmp_path / "chart.gpkg", shapes, {"CT": ["10", "40", "92"]}), GRID)
    assert len(chart.polygons) == 1
    assert chart.ids.tolist() == [2]
    assert chart.percent.T.tolist() == [[40, 40, 40]]
    assert chart.notes == ["2 features have no area and are left out"]


@pytest.mark.parametrize(("value", "what"), [("a", "no numbers"), ("1.5", "no whole numbers")])
def test_numbers_of_polygons_are_whole(tmp_path, value, what):
    source = write(tmp_path / "c.gpkg", [shapely.box(0, 0, 1, 1)], {"CT": ["91"], "NR": [value]})
    with pytest.raises(SeaIceError, match=f"the field NR holds {what}; choose another"):
        read(source, GRID, id_field="NR")
