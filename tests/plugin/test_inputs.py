"""Simulated scenes, passive-microwave SIC and ice charts as QGIS runs them."""

import gc
import os
import weakref

import pytest
from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Simulated once, by whichever test asks first."""
    return {"folder": tmp_path_factory.mktemp("scene"), "files": {}}


@pytest.fixture
def simulated(scene, algorithm, context, feedback):
    if not scene["files"]:
        names = ("HH", "HV", "INCIDENCE", "TRUE_SIC", "REFERENCE")
        outputs = {name: str(scene["folder"] / f"{name}.tif") for name in names}
        parameters = {"WIDTH": 400, "HEIGHT": 400, **outputs}
        results, ok = algorithm("simulatescene").run(parameters, context, feedback)
        assert ok, feedback.lines
        scene["files"] = results
    return scene["files"]


def test_a_scene_becomes_styled_layers(simulated):
    for name, renderer in (("HH", "singlebandgray"), ("TRUE_SIC", "singlebandpseudocolor")):
        layer = QgsRasterLayer(simulated[name], name)
        assert layer.isValid()
        assert layer.crs().authid() == "EPSG:3413"
        assert (layer.width(), layer.height()) == (400, 400)
        assert layer.renderer().type() == renderer
    assert QgsRasterLayer(simulated["REFERENCE"], "reference").rasterUnitsPerPixelX() == 6250
    assert 0 < simulated["MEAN_SIC"] < 100


def chart_layer(path, scene_layer, codes):
    """Write strips with codes over a scene and return them as a layer, filtered as in QGIS."""
    extent = scene_layer.extent()
    memory = QgsVectorLayer(
        f"Polygon?crs={scene_layer.crs().authid()}&field=CT:string(2)", "chart", "memory"
    )
    width = extent.width() / len(codes)
    features = []
    for k, code in enumerate(codes):
        left = extent.xMinimum() + k * width
        feature = QgsFeature(memory.fields())
        wkt = (
            f"Polygon(({left} {extent.yMinimum()}, {left + width} {extent.yMinimum()},"
            f" {left + width} {extent.yMaximum()}, {left} {extent.yMaximum()},"
            f" {left} {extent.yMinimum()}))"
        )
        feature.setGeometry(QgsGeometry.fromWkt(wkt))
        feature["CT"] = code
        features.append(feature)
    memory.dataProvider().addFeatures(features)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName = "ESRI Shapefile"
    transform = QgsProject.instance().transformContext()
    QgsVectorFileWriter.writeAsVectorFormatV3(memory, path, transform, options)
    return QgsVectorLayer(path, "chart", "ogr")


def test_a_chart_layer_becomes_sic_on_the_scenes_grid(
    simulated, algorithm, context, feedback, tmp_path
):
    hh = QgsRasterLayer(simulated["HH"], "hh")
    chart = chart_layer(str(tmp_path / "chart.shp"), hh, ["91", "02", "77", "50"])
    chart.setSubsetString("CT <> '50'")
    parameters = {"CHART": chart, "HH": hh, "OUTPUT": str(tmp_path / "sic.tif")}
    results, ok = algorithm("icecharttosic").run(parameters, context, feedback)
    assert ok, feedback.lines
    assert results["VALID_FRACTION"] == pytest.approx(0.5)
    assert results["MEAN_SIC"] == pytest.approx(95 / 2)
    assert any("77 (1)" in line for line in feedback.warnings)
    sic = QgsRasterLayer(results["OUTPUT"], "sic")
    assert sic.bandName(4) == "Band 4: Polygon number"
    assert sic.extent() == hh.extent()
    assert os.path.exists(tmp_path / "sic.qml")


def test_a_chart_without_the_field_is_reported(simulated, algorithm, context, feedback, tmp_path):
    chart = chart_layer(str(tmp_path / "chart.shp"), QgsRasterLayer(simulated["HH"], "hh"), ["91"])
    parameters = {"CHART": chart, "HH": simulated["HH"], "FIELD": "SIC"}
    parameters["OUTPUT"] = str(tmp_path / "sic.tif")
    _, ok = algorithm("icecharttosic").run(parameters, context, feedback)
    assert not ok
    assert any("no field SIC; its fields are CT" in error for error in feedback.errors)
    assert not (tmp_path / "sic.tif").exists()
    # a layer that a failed run holds on to keeps its file open, and crashes QGIS when it closes
    layer = weakref.ref(chart)
    del chart, parameters
    gc.collect()
    assert layer() is None


def nsidc_file(path):
    """Write a northern NSIDC-0051 file: half ice, one pixel of land."""
    fields = ["00255", "  304", "  448", *["0"] * 6, "SSMIS", "17 cn", "032", *["-9999"] * 2]
    fields += ["032", *["-9999"] * 2, "2015", "032", "000", "00250"]
    header = b"".join(field.rjust(5).encode() + b"\0" for field in fields).ljust(300, b"\0")
    pixels = bytearray(b"\x7d" * (448 * 304))
    pixels[0] = 254
    path.write_bytes(header + bytes(pixels))
    return str(path)


def test_a_sic_product_becomes_a_layer_in_percent(algorithm, context, feedback, tmp_path):
    parameters = {
        "PRODUCT": nsidc_file(tmp_path / "nt_20150201_f17_v1.1_n.bin"),
        "OUTPUT": str(tmp_path / "sic.tif"),
    }
    results, ok = algorithm("importsic").run(parameters, context, feedback)
    assert ok, feedback.lines
    assert results["MEAN_SIC"] == pytest.approx(50)
    assert any("1 px, land (254)" in line for line in feedback.lines)
    layer = QgsRasterLayer(results["OUTPUT"], "sic")
    # GDAL may take the successor of the deprecated code, some 100 m off where pixels are 25 km
    assert layer.crs().authid() in ("EPSG:3411", "EPSG:3413")
    assert layer.renderer().type() == "singlebandpseudocolor"


def test_a_product_cut_short_is_reported(algorithm, context, feedback, tmp_path):
    path = tmp_path / "nt_20150201_f17_v1.1_n.bin"
    nsidc_file(path)
    path.write_bytes(path.read_bytes()[:5000])
    parameters = {"PRODUCT": str(path), "OUTPUT": str(tmp_path / "sic.tif")}
    _, ok = algorithm("importsic").run(parameters, context, feedback)
    assert not ok
    assert any("5000 bytes, but NSIDC-0051" in error for error in feedback.errors)


def test_a_coastline_becomes_styled_masks(simulated, algorithm, context, feedback, tmp_path):
    hh = QgsRasterLayer(simulated["HH"], "hh")
    coast = chart_layer(str(tmp_path / "coast.shp"), hh, ["la", "se"])
    coast.setSubsetString("CT = 'la'")
    parameters = {
        "GRID": hh,
        "COASTLINE": coast,
        "FOOTPRINT": 6000,
        "OUTPUT": str(tmp_path / "mask.tif"),
        "REFERENCE_MASK": str(tmp_path / "reference_mask.tif"),
    }
    results, ok = algorithm("landmask").run(parameters, context, feedback)
    assert ok, feedback.lines
    assert results["LAND_FRACTION"] == pytest.approx(0.5)
    share = 6000 / hh.extent().width()
    assert results["REFERENCE_LAND_FRACTION"] == pytest.approx(0.5 + share, abs=0.01)
    for name, mask in (("OUTPUT", "mask"), ("REFERENCE_MASK", "reference_mask")):
        layer = QgsRasterLayer(results[name], mask)
        assert layer.extent() == hh.extent()
        left, right = hh.extent().xMinimum() + 1000, hh.extent().xMaximum() - 1000
        y = hh.extent().center().y()
        assert [layer.dataProvider().sample(QgsPointXY(x, y), 1)[0] for x in (left, right)] == [
            0,
            1,
        ]
        assert (tmp_path / f"{mask}.qml").exists()
        land, sea = layer.renderer().classes()
        assert (land.value, land.color.alpha(), land.label) == (0, 255, "land, left out")
        assert (sea.value, sea.color.alpha()) == (1, 0)


def test_a_coastline_of_lines_is_refused(simulated, algorithm, context, feedback, tmp_path):
    extent = QgsRasterLayer(simulated["HH"], "hh").extent()
    lines = QgsVectorLayer("LineString?crs=EPSG:3413", "coast", "memory")
    feature = QgsFeature()
    ends = f"{extent.xMinimum()} {extent.yMinimum()}, {extent.xMaximum()} {extent.yMaximum()}"
    feature.setGeometry(QgsGeometry.fromWkt(f"LineString({ends})"))
    lines.dataProvider().addFeatures([feature])
    parameters = {
        "GRID": simulated["HH"],
        "COASTLINE": lines,
        "OUTPUT": str(tmp_path / "mask.tif"),
    }
    _, ok = algorithm("landmask").run(parameters, context, feedback)
    assert not ok
    assert any("coast: holds lines, polygons expected" in error for error in feedback.errors)


def test_a_mask_does_not_replace_the_layer_whose_grid_it_takes(
    simulated, algorithm, context, tmp_path
):
    hh = QgsRasterLayer(simulated["HH"], "hh")
    coast = chart_layer(str(tmp_path / "coast.shp"), hh, ["la"])
    parameters = {"GRID": hh, "COASTLINE": coast, "OUTPUT": simulated["HH"]}
    ok, message = algorithm("landmask").checkParameterValues(parameters, context)
    assert not ok
    assert "is the input Layer with the grid" in message
