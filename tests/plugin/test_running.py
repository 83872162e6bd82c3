"""Running algorithms: results, messages, styles, cancel, and a window that stays alive."""

from __future__ import annotations

import os
import time

import processing
import pytest
from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgRunnerTask,
    QgsProcessingException,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandGrayRenderer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtCore import QCoreApplication, QTimer
from qgis.PyQt.QtGui import QColor

from tests.builders.folders import files_in

SMALL = {"WIDTH": 128, "HEIGHT": 128, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500}
"""A scene that takes no time to simulate."""

LARGE = {"WIDTH": 1500, "HEIGHT": 1500}
"""One that takes longer than a test waits before it cancels."""

pytestmark = pytest.mark.usefixtures("plugin")


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        QCoreApplication.processEvents()
        time.sleep(0.01)


@pytest.fixture
def scene(tmp_path):
    folder = tmp_path / "Färöer 海氷"
    folder.mkdir()
    return {**SMALL, "HH": str(folder / "hh.tif"), "HV": str(folder / "hv.tif")}


def test_outputs_numbers_and_styles(scene, context, feedback):
    scene["REFERENCE"] = scene["HH"].replace("hh", "reference")
    results = processing.run("seaice:simulatescene", scene, context=context, feedback=feedback)
    assert results["HH"] == scene["HH"]
    assert 0 < results["MEAN_SIC"] < 100
    assert feedback.progress() == 100
    assert not [name for name in files_in(os.path.dirname(scene["HH"])) if name.endswith(".xml")]
    # headless: the style lies beside the file, and QGIS takes it from there
    layer = QgsRasterLayer(scene["REFERENCE"], "reference")
    renderer = layer.renderer()
    assert isinstance(renderer, QgsSingleBandPseudoColorRenderer)
    legend = [text for text, _ in renderer.legendSymbologyItems()]
    assert legend[0] == "0 - 1 %: ice free"
    assert legend[-1] == "85 - 100 %: 9/10 to 10/10"
    hh = QgsRasterLayer(scene["HH"], "hh").renderer()
    assert isinstance(hh, QgsSingleBandGrayRenderer)
    assert -40 < hh.contrastEnhancement().minimumValue() < -10
    assert -15 < hh.contrastEnhancement().maximumValue() < 5


@pytest.mark.parametrize(
    ("percent", "colour"),
    [
        (0.0, "#0064ff"),
        (5.0, "#96c8ff"),
        (30.0, "#8cffa0"),
        (50.0, "#ffff00"),
        (70.0, "#ff7d07"),
        (90.0, "#ff0000"),
        (100.0, "#ff0000"),
        (100.004, "#ff0000"),
    ],
)
def test_sic_has_the_colours_of_ice_charts(make_raster, percent, colour):
    from qgis.core import QgsRectangle

    from seaice_qgis import styling

    layer = QgsRasterLayer(make_raster(value=percent), "sic")
    block = styling.sic(layer.dataProvider()).block(1, QgsRectangle(layer.extent()), 4, 4)
    assert QColor(block.color(1, 1)).name() == colour


@pytest.mark.parametrize(("half_width_band", "expected"), [(3, 3), (None, 1)])
def test_an_uncertainty_is_shown_by_its_half_width(tmp_path, half_width_band, expected):
    """An uncertainty of an earlier version has a single band, without that name."""
    from osgeo import gdal

    from ml_core.jobs.predict import HALF_WIDTH_BAND
    from seaice_qgis import styling

    path = str(tmp_path / "uncertainty.tif")
    dataset = gdal.GetDriverByName("GTiff").Create(path, 4, 4, 4, gdal.GDT_Float32)
    if half_width_band:
        dataset.GetRasterBand(half_width_band).SetDescription(HALF_WIDTH_BAND)
    del dataset
    layer = QgsRasterLayer(path, "uncertainty")
    assert styling.uncertainty(layer.dataProvider()).usesBands() == [expected]


def test_layers_loaded_into_the_project_are_styled(scene, context, feedback):
    scene["REFERENCE"] = QgsProcessing.TEMPORARY_OUTPUT
    processing.runAndLoadResults("seaice:simulatescene", scene, feedback=feedback, context=context)
    (reference,) = (
        layer
        for layer in QgsProject.instance().mapLayers().values()
        if "reference" in layer.name().lower()
    )
    assert isinstance(reference.renderer(), QgsSingleBandPseudoColorRenderer)


def test_the_workers_messages_reach_the_log(context, feedback):
    assert processing.run("seaice:checkenvironment", {}, context=context, feedback=feedback) == {}
    assert any(line.startswith("torch ") for line in feedback.lines)


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("/no/such/python", "/no/such/python: no such program, but the environment variable"),
        ("/bin/false", r"/bin/false: this is not a Python that starts \(exit code 1\)"),
    ],
)
def test_a_workers_python_that_does_not_do(scene, context, feedback, monkeypatch, python, message):
    monkeypatch.setenv("SEAICE_PYTHON", python)
    with pytest.raises(QgsProcessingException, match=message):
        processing.run("seaice:simulatescene", scene, context=context, feedback=feedback)
    assert files_in(os.path.dirname(scene["HH"])) == []


def test_a_missing_environment_is_an_error_of_the_run(
    algorithm, scene, context, feedback, monkeypatch, tmp_path
):
    monkeypatch.delenv("SEAICE_PYTHON")
    monkeypatch.setattr("seaice_qgis.settings.environment_folder", lambda: tmp_path / "none")
    found = algorithm("simulatescene")
    assert found.canExecute()[0]
    assert found.checkParameterValues(scene, context) == (True, "")
    with pytest.raises(QgsProcessingException, match="not installed yet; run Install environment"):
        processing.run("seaice:simulatescene", scene, context=context, feedback=feedback)


def test_the_settings_name_the_worker(
    algorithm, worker_python, monkeypatch, context, feedback, tmp_path
):
    from processing.core.ProcessingConfig import ProcessingConfig

    monkeypatch.delenv("SEAICE_PYTHON")
    gone = tmp_path / "python"
    gone.touch()
    ProcessingConfig.setSettingValue("SEAICE_WORKER_PYTHON", str(gone))
    gone.unlink()
    try:
        with pytest.raises(QgsProcessingException, match="but the setting Worker's Python"):
            processing.run("seaice:checkenvironment", {}, context=context, feedback=feedback)
        ProcessingConfig.setSettingValue("SEAICE_WORKER_PYTHON", worker_python)
        processing.run("seaice:checkenvironment", {}, context=context, feedback=feedback)
    finally:
        ProcessingConfig.setSettingValue("SEAICE_WORKER_PYTHON", "")


def test_an_output_folder_that_does_not_exist(scene, context, feedback, tmp_path):
    scene["HH"] = str(tmp_path / "none" / "hh.tif")
    with pytest.raises(QgsProcessingException, match="the output folder does not exist; create it"):
        processing.run("seaice:simulatescene", scene, context=context, feedback=feedback)
    assert files_in(os.path.dirname(scene["HV"])) == []


def test_a_task_in_the_background_cancels_and_leaves_no_file(algorithm, scene, context, feedback):
    task = QgsProcessingAlgRunnerTask(
        algorithm("simulatescene"), {**scene, **LARGE}, context, feedback
    )
    ended = []
    task.executed.connect(lambda ok, results: ended.append(ok))
    from qgis.core import QgsApplication

    QgsApplication.taskManager().addTask(task)
    wait_for(lambda: feedback.progress() > 0)
    feedback.cancel()
    wait_for(lambda: ended)
    assert files_in(os.path.dirname(scene["HH"])) == []


def test_the_window_lives_while_an_algorithm_runs_on_its_thread(scene, context, feedback):
    """processing.run in the console, and batch in QGIS 3.22, run there."""
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(20)
    processing.run("seaice:simulatescene", scene, context=context, feedback=feedback)
    timer.stop()
    assert len(ticks) > 10  # none where the window is frozen


def test_cancel_from_the_window_while_an_algorithm_runs_on_its_thread(scene, context, feedback):
    QTimer.singleShot(1500, feedback.cancel)
    processing.run("seaice:simulatescene", {**scene, **LARGE}, context=context, feedback=feedback)
    assert files_in(os.path.dirname(scene["HH"])) == []
