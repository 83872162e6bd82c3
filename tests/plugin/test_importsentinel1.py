"""Import Sentinel-1 as QGIS runs it."""

import os
import subprocess
from pathlib import Path

import pytest
from qgis.core import QgsRasterLayer

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from tests.builders.safe import MadeUp, zipped
safe = MadeUp().write(sys.argv[1])
zipped(safe, sys.argv[1] + "/product.zip")
"""


@pytest.fixture(scope="module")
def products(tmp_path_factory, worker_python):
    folder = tmp_path_factory.mktemp("products")
    subprocess.run([worker_python, "-c", BUILD, str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("name", ["product.zip", "S1A_EW_GRDM_1SDH_TEST.SAFE"])
def test_a_product_becomes_grey_layers(algorithm, context, feedback, products, tmp_path, name):
    outputs = {key: str(tmp_path / f"{key}.tif") for key in ("HH", "HV", "INCIDENCE")}
    parameters = {"PRODUCT": str(products / name), "RESOLUTION": 100, **outputs}
    results, ok = algorithm("importsentinel1").run(parameters, context, feedback)
    assert ok, feedback.lines
    assert results["VALID_FRACTION"] > 0.4
    for key in outputs:
        layer = QgsRasterLayer(results[key], key)
        assert layer.isValid()
        assert layer.crs().authid() == "EPSG:3413"
        assert layer.rasterUnitsPerPixelX() == 100
        assert layer.renderer().type() == "singlebandgray"
    assert os.path.exists(tmp_path / "INCIDENCE.qml")
    contrast = layer.renderer().contrastEnhancement()
    assert 24 < contrast.minimumValue() < contrast.maximumValue() < 30


def test_what_is_no_product_is_reported(algorithm, context, feedback, tmp_path):
    parameters = {"PRODUCT": str(tmp_path), "HH": str(tmp_path / "hh.tif")}
    _, ok = algorithm("importsentinel1").run(parameters, context, feedback)
    assert not ok
    assert any("holds no manifest.safe" in error for error in feedback.errors)
