"""Layers as descriptions for the worker."""

from __future__ import annotations

import shutil
import zipfile

import pytest
from osgeo import ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsRasterLayer,
    QgsRasterRange,
    QgsVectorLayer,
)

from ml_core.errors import SeaIceError
from ml_core.jobs import FROM_FILE
from seaice_qgis import layers


def source(layer, band=1):
    assert layer.isValid()
    return layers.raster_source(layer, band, "HH backscatter")


def test_a_file_as_it_is(qgis_app, make_raster):
    path = make_raster()
    found = source(QgsRasterLayer(path, "A layer"))
    assert (found.path, found.band, found.name) == (path, 1, "A layer")
    assert (found.crs, found.use_file_nodata, found.nodata) == (FROM_FILE, True, ())
    assert found.open_options == ()


def test_what_the_analyst_set_in_qgis_is_handed_on(qgis_app, make_raster):
    layer = QgsRasterLayer(make_raster(bands=2), "layer")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:3031"))
    layer.dataProvider().setUseSourceNoDataValue(2, False)
    layer.dataProvider().setUserNoDataValue(2, [QgsRasterRange(-100, -60), QgsRasterRange(0, 0)])
    found = source(layer, 2)
    assert found.crs == "EPSG:3031"
    assert found.use_file_nodata is False
    assert found.nodata == ((-100.0, -60.0), (0.0, 0.0))
    assert source(layer, 1).nodata == ()


def test_a_custom_crs_travels_as_wkt(qgis_app, make_raster):
    layer = QgsRasterLayer(make_raster(), "layer")
    crs = QgsCoordinateReferenceSystem()
    crs.createFromProj("+proj=stere +lat_0=90 +lat_ts=75 +lon_0=-30 +datum=WGS84 +units=m")
    layer.setCrs(crs)
    assert "-30" in source(layer).crs
    assert "PROJCRS" in source(layer).crs


def test_no_crs_means_that_the_layer_has_none(qgis_app, make_raster):
    layer = QgsRasterLayer(make_raster(epsg=None), "layer")
    layer.setCrs(QgsCoordinateReferenceSystem())
    assert source(layer).crs == ""
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:3413"))
    assert source(layer).crs == "EPSG:3413"


def test_files_inside_archives_and_open_options(qgis_app, make_raster, tmp_path):
    folder = tmp_path / "my scenes"
    folder.mkdir()
    path = make_raster(folder=folder)
    with zipfile.ZipFile(tmp_path / "a b.zip", "w") as archive:
        archive.write(path, "x/hh.tif")
    zipped = f"/vsizip/{tmp_path}/a b.zip/x/hh.tif"
    assert source(QgsRasterLayer(zipped, "zipped")).path == zipped
    found = source(QgsRasterLayer(f"{path}|option:NUM_THREADS=2", "options"))
    assert (found.path, found.open_options) == (path, ("NUM_THREADS=2",))


def test_a_raster_inside_a_geopackage(qgis_app, make_raster, tmp_path):
    from osgeo import gdal

    packed = str(tmp_path / "all.gpkg")
    gdal.Translate(packed, make_raster(), format="GPKG", creationOptions=["RASTER_TABLE=hh"])
    found = source(QgsRasterLayer(f"GPKG:{packed}:hh", "packed"))
    assert found.path == f"GPKG:{packed}:hh"
    assert gdal.Open(found.path) is not None


@pytest.mark.parametrize(
    ("uri", "provider"),
    [
        ("type=xyz&url=https://example.invalid/{z}/{x}/{y}.png&zmax=3&zmin=0", "wms"),
        (
            "?crs=EPSG:3413&extent=0,0,10,10&width=2&height=2&formula=%22hh@1%22"
            "&hh:uri={path}&hh:provider=gdal",
            "virtualraster",
        ),
    ],
)
def test_a_layer_that_is_no_file_is_refused(qgis_app, make_raster, uri, provider):
    layer = QgsRasterLayer(uri.replace("{path}", make_raster()), "Tiles", provider)
    if layer.dataProvider() is None:
        pytest.skip(f"this QGIS has no provider {provider}")
    with pytest.raises(SeaIceError, match=f"Tiles is not a raster file .*{provider}.*GeoTIFF"):
        layers.raster_source(layer, 1, "HH backscatter")


def test_a_band_that_is_not_there_is_refused(qgis_app, make_raster):
    layer = QgsRasterLayer(make_raster(bands=2), "layer")
    with pytest.raises(SeaIceError, match=r"has 2 band\(s\), but band 3 was asked for"):
        layers.raster_source(layer, 3, "HH backscatter")


@pytest.fixture
def chart():
    layer = QgsVectorLayer("Polygon?crs=EPSG:3413&field=CT:string", "Ice chart", "memory")
    for code in ("92", "10"):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([code])
        feature.setGeometry(QgsGeometry.fromWkt("POLYGON((0 0, 1 0, 1 1, 0 0))"))
        layer.dataProvider().addFeature(feature)
    return layer


def test_a_memory_layer_is_saved_to_a_file(qgis_app, chart, context):
    found = layers.vector_source(chart, "Ice chart", context)
    assert found.name == "Ice chart"
    data = ogr.Open(found.path)
    assert [feature.GetField("CT") for feature in data.GetLayer(0)] == ["92", "10"]


def test_a_vector_file_with_layer_and_filter(qgis_app, chart, context, tmp_path):
    saved = layers.vector_source(chart, "Ice chart", context)
    path = str(tmp_path / "chart.gpkg")
    shutil.copyfile(saved.path, path)
    layer = QgsVectorLayer(f"{path}|layername=layer|subset=CT = '92'", "filtered", "ogr")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:3031"))
    found = layers.vector_source(layer, "Ice chart", context)
    assert (found.path, found.layer, found.where) == (path, "layer", "CT = '92'")
    assert found.crs == "EPSG:3031"
