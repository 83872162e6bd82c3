from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from osgeo import gdal, osr
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsProject

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
gdal.UseExceptions()


@pytest.fixture(scope="session", autouse=True)
def worker_python():
    """The worker's Python: the checkout's, unless the caller names one."""
    os.environ.setdefault("SEAICE_PYTHON", str(ROOT / ".venv" / "bin" / "python"))
    return os.environ["SEAICE_PYTHON"]


@pytest.fixture(scope="session")
def plugin(qgis_processing):
    """The plugin as qgis_process loads it."""
    from processing.gui import Postprocessing

    import seaice_qgis

    # QGIS 3.44 asks the window for its layer tree when layers are loaded, and pytest-qgis's stands
    # in with something that it does not take
    Postprocessing.iface = None
    plugin = seaice_qgis.classFactory(None)
    plugin.initProcessing()
    yield plugin
    plugin.unload()


@pytest.fixture
def algorithm(plugin):
    """Return an algorithm of the provider by its id."""

    def create(name):
        return QgsApplication.processingRegistry().createAlgorithmById(f"seaice:{name}")

    return create


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    """The folder that holds the packaged plugin, in a path with a space."""
    import package

    folder = tmp_path_factory.mktemp("the package")
    plugin, _ = package.build(ROOT, folder, folder)
    return plugin.parent


@pytest.fixture(scope="session")
def qgis_process(plugins, tmp_path_factory, worker_python):
    """Run qgis_process with the packaged plugin and a profile of its own."""
    from environments import HeadlessQgis

    profile = tmp_path_factory.mktemp("profile")
    qgis = HeadlessQgis(plugins, profile, os.path.join(sys.base_prefix, "bin"))
    qgis.environment["SEAICE_PYTHON"] = worker_python

    def run(*arguments, **more):
        return subprocess.run(
            [qgis.program, *arguments],
            env={**qgis.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )

    run.program, run.environment = qgis.program, qgis.environment
    return run


@pytest.fixture
def context(qgis_app):
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    yield context
    # pytest keeps the last test's until QGIS has closed, where a layer in it would crash
    context.temporaryLayerStore().removeAllMapLayers()


class Feedback(QgsProcessingFeedback):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__(False)
        self.lines = []
        self.warnings = []
        self.errors = []

    def pushInfo(self, text):
        self.lines.append(text)

    def reportError(self, error, fatalError=False):
        self.errors.append(error)

    def pushWarning(self, text):
        self.warnings.append(text)


@pytest.fixture
def feedback():
    return Feedback()


@pytest.fixture
def make_raster(tmp_path):
    """Write a small GeoTIFF and return its path."""

    def make(name="hh.tif", bands=1, epsg=3413, value=-12.0, nodata=-9999.0, size=8, folder=None):
        path = str((folder or tmp_path) / name)
        data = gdal.GetDriverByName("GTiff").Create(path, size, size, bands, gdal.GDT_Float32)
        data.SetGeoTransform((1e6, 1000, 0, -1e6, 0, -1000))
        if epsg:
            crs = osr.SpatialReference()
            crs.ImportFromEPSG(epsg)
            data.SetProjection(crs.ExportToWkt())
        for band in range(1, bands + 1):
            data.GetRasterBand(band).SetNoDataValue(nodata)
            data.GetRasterBand(band).Fill(value + band - 1)
        data = None
        return path

    return make


@pytest.fixture(autouse=True)
def empty_project(qgis_app):
    yield
    QgsProject.instance().removeAllMapLayers()
