"""Ice charts drawn over a SIC that is known, and brought to the scene by the plugin's own job."""

from dataclasses import replace

import numpy as np
import pyogrio
import shapely

from ml_core.datasets.polygons import PolygonsOnScene
from ml_core.jobs import IceChartToSicJob
from ml_core.raster.polygon_bands import PolygonPixels
from tests.builders.jobs import execute
from tests.builders.rasters import ORIGIN, POLAR, write_raster
from tests.builders.scenes import PIXEL_M, backscatter, data_of, ice


def code_of(sic_percent):
    """Return the SIGRID-3 code that an analyst would give to a mean."""
    if sic_percent < 0.5:
        return "00"
    if sic_percent < 5:
        return "01"
    if sic_percent >= 95:
        return "92"
    if sic_percent >= 90:
        return "91"
    return f"{round(sic_percent / 10) * 10:02d}"


def numbers_of(shape, across_px, seed=0):
    """Return which of the polygons, each some `across_px` wide, pixels lie in; and the polygons.

    The polygons are in pixels, x to the right and y downwards.
    """
    height, width = shape
    rng = np.random.default_rng(seed)
    rows, cols = (max(1, round(side / across_px)) for side in shape)
    y, x = (np.indices((rows, cols)) + 0.5 + rng.uniform(-0.35, 0.35, (2, rows, cols))) * (
        np.array([height / rows, width / cols])[:, None, None]
    )
    frame = shapely.box(0, 0, width, height)
    centres = shapely.multipoints(np.column_stack([x.ravel(), y.ravel()]))
    cells = shapely.voronoi_polygons(centres, extend_to=frame)
    polygons = [shapely.intersection(cell, frame) for cell in cells.geoms]
    row, col = np.indices(shape) + 0.5
    tree = shapely.STRtree(polygons)
    pixel, found = tree.query(shapely.points(col.ravel(), row.ravel()), predicate="within")
    numbers = np.full(height * width, -1)
    numbers[pixel] = found
    return numbers.reshape(shape), polygons


def write_chart_scene(folder, truth, *, size, across_px, seed=0):
    """Write HH and HV of a SIC (H, W), and a chart over it as its reference; paths by job field.

    Returns:
        The paths, and that of the raster of polygons.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hh, hv = backscatter(truth, seed)
    paths = {
        "hh": write_raster(folder / "hh.tif", hh, size=size),
        "hv": write_raster(folder / "hv.tif", hv, size=size),
    }
    numbers, polygons = numbers_of(truth.shape, across_px, seed)
    left, top = ORIGIN
    shapes = [
        shapely.transform(one, lambda xy: np.array([left, top]) + xy * [size, -size])
        for one in polygons
    ]
    codes = [code_of(truth[numbers == k].mean(dtype=np.float64)) for k in range(len(polygons))]
    chart = str(folder / "chart.gpkg")
    pyogrio.raw.write(
        chart,
        geometry=np.array([shapely.to_wkb(shape) for shape in shapes], object),
        field_data=[np.array(codes, object)],
        fields=["CT"],
        geometry_type="Polygon",
        crs=POLAR,
        driver="GPKG",
    )
    outputs = {name: str(folder / f"{name}.tif") for name in ("output", "polygons")}
    execute(IceChartToSicJob(chart=chart, hh=paths["hh"], **outputs))
    return {**paths, "reference": outputs["output"]}, outputs["polygons"]


def chart_data_of(shape, *, across_px=20, seed=0, gaps=0.02):
    """Training data in memory of a field of floes, and of a chart that is drawn over it."""
    truth = ice(shape, 8, seed)
    numbers, polygons = numbers_of(shape, across_px, seed)
    tenth = [round(truth[numbers == k].mean() / 10) * 10.0 for k in range(len(polygons))]
    sic = np.array(tenth, np.float32)[numbers]
    pixels = backscatter(truth, seed)
    pixels[:, np.random.default_rng(seed).random(shape) < gaps] = np.nan
    data = data_of(sic, pixels, footprint_px=16.0)
    gathered = PolygonsOnScene(np.zeros(shape, np.int32), connected=False)
    own = PolygonPixels(numbers.astype(np.int32) + 1, sic, sic)
    gathered.add(data.grid.window, own, data.array[..., -1])
    observations = gathered.observations()
    return replace(data, observations=observations, polygons=gathered.pixels, footprint_m=PIXEL_M)
