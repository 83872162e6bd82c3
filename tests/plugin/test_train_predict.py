"""From two layers to a SIC layer, as an analyst does it in QGIS, with the real worker."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import processing
import pytest
from qgis.core import (
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)

from tests.builders.folders import files_in
from tests.builders.quick import QUICK

pytestmark = pytest.mark.usefixtures("plugin")


@pytest.fixture(scope="module")
def files(plugin, tmp_path_factory):
    """HH, HV and reference of a simulated scene, in a folder with a difficult name."""
    folder = tmp_path_factory.mktemp("scene") / "Färöer 海氷 #1"
    folder.mkdir()
    names = {name: str(folder / f"{name}.tif") for name in ("HH", "HV", "REFERENCE")}
    size = {"WIDTH": 256, "HEIGHT": 256, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500}
    processing.run("seaice:simulatescene", {**size, **names})
    return names


@pytest.fixture
def layers(files):
    """The same as layers of the project."""
    found = {name: QgsRasterLayer(path, f"My {name}") for name, path in files.items()}
    QgsProject.instance().addMapLayers(list(found.values()))
    return found


@pytest.fixture(scope="module")
def model(files, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model") / "model.safetensors")
    processing.run("seaice:train", {**QUICK, **files, "MODEL": path})
    return path


def test_train_then_predict_on_loaded_layers(layers, context, feedback, tmp_path):
    model, report = str(tmp_path / "m.safetensors"), str(tmp_path / "r.html")
    trained = processing.run(
        "seaice:train",
        {**QUICK, **layers, "MODEL": model, "REPORT": report},
        context=context,
        feedback=feedback,
    )
    assert (trained["MODEL"], trained["REPORT"]) == (model, report)
    assert trained["VALIDATION_RMSE"] > 0
    assert trained["BEST_EPOCH"] == 1
    assert "My HH" in Path(report).read_text(encoding="utf-8")
    assert not feedback.warnings or all("kept" not in text for text in feedback.warnings)
    values = {
        "HH": layers["HH"],
        "HV": layers["HV"],
        "MODEL": model,
        "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT,
    }
    predicted = processing.runAndLoadResults(
        "seaice:predict", values, feedback=feedback, context=context
    )
    (sic,) = (
        layer
        for layer in QgsProject.instance().mapLayers().values()
        if layer.source() == predicted["OUTPUT"]
    )
    assert isinstance(sic.renderer(), QgsSingleBandPseudoColorRenderer)
    assert sic.crs() == layers["HH"].crs()
    assert sic.extent() == layers["HH"].extent()
    assert 0 <= predicted["MEAN_SIC"] <= 100


@pytest.fixture
def chain(files):
    """A model of the designer that trains on a scene and predicts it."""
    import models

    model = QgsProcessingModelAlgorithm("Train and predict", "Tests")
    models.add_inputs(model, *(QgsProcessingParameterRasterLayer(name, name) for name in files))
    models.add_step(model, "train", inputs={name: name for name in files}, values=QUICK)
    models.add_step(
        model,
        "predict",
        inputs={"HH": "HH", "HV": "HV"},
        made={"MODEL": ("train", "MODEL")},
        outputs={"OUTPUT": "SIC"},
    )
    return model


def output_of(model):
    """Return the name of a model's one output: predict:SIC in QGIS 3.22, sic in newer ones."""
    (output,) = model.destinationParameterDefinitions()
    return output.name()


def test_a_model_chains_train_into_predict_and_keeps_the_network(
    files, chain, context, feedback, monkeypatch, tmp_path
):
    monkeypatch.setattr("seaice_qgis.settings.models_folder", lambda: tmp_path / "models")
    processing.runAndLoadResults(
        chain,
        {**files, output_of(chain): QgsProcessing.TEMPORARY_OUTPUT},
        feedback=feedback,
        context=context,
    )
    (sic,) = QgsProject.instance().mapLayers().values()
    assert isinstance(sic.renderer(), QgsSingleBandPseudoColorRenderer)
    # the network was in a temporary file, which vanishes with QGIS
    (kept,) = (tmp_path / "models").iterdir()
    assert kept.suffix == ".safetensors"
    assert any(str(kept) in text for text in feedback.warnings)


def test_qgis_process_runs_a_model_that_chains_train_into_predict(
    files, chain, qgis_process, tmp_path
):
    path, sic = tmp_path / "chain.model3", tmp_path / "sic.tif"
    assert chain.toFile(str(path))
    layers = [f"{name}={file}" for name, file in files.items()]
    done = qgis_process("run", str(path), "--", *layers, f"{output_of(chain)}={sic}")
    assert done.returncode == 0, done.stdout
    assert files_in(tmp_path) == ["chain.model3", "sic.qml", "sic.tif"]
    layer = QgsRasterLayer(str(sic), "sic")
    assert isinstance(layer.renderer(), QgsSingleBandPseudoColorRenderer)
    assert layer.extent() == QgsRasterLayer(files["HH"], "hh").extent()
    # the network between the two was in a temporary file
    kept = re.search(r"it is also kept as (\S+\.safetensors)", done.stdout)
    assert Path(kept[1]).is_file(), done.stdout


def test_a_child_of_a_model_that_fails_is_reported_by_qgis_process(
    files, chain, qgis_process, make_raster, tmp_path
):
    folder = tmp_path / "out"
    folder.mkdir()
    path, sic = tmp_path / "chain.model3", folder / "sic.tif"
    assert chain.toFile(str(path))
    given = {**files, "REFERENCE": make_raster("ice.tif", value=100.0, size=256)}
    layers = [f"{name}={file}" for name, file in given.items()]
    done = qgis_process("run", str(path), "--", *layers, f"{output_of(chain)}={sic}")
    assert done.returncode == 1, done.stdout
    assert "ice has no SIC where the scene lies; give the reference of" in done.stdout
    assert files_in(folder) == []


def test_nodata_that_the_analyst_set_in_qgis_is_left_out(
    layers, model, context, feedback, tmp_path
):
    from qgis.core import QgsRasterRange

    layers["HH"].dataProvider().setUserNoDataValue(1, [QgsRasterRange(-100, 100)])
    values = {"HH": layers["HH"], "HV": layers["HV"], "MODEL": model}
    values["OUTPUT"] = str(tmp_path / "sic.tif")
    with pytest.raises(QgsProcessingException, match="My HH"):
        processing.run("seaice:predict", values, context=context, feedback=feedback)
    assert files_in(tmp_path) == []


def test_a_crs_that_the_analyst_set_in_qgis_counts(
    files, model, algorithm, context, feedback, tmp_path
):
    from osgeo import gdal
    from qgis.core import QgsCoordinateReferenceSystem

    bare = {}
    for name in ("HH", "HV"):
        bare[name] = shutil.copyfile(files[name], tmp_path / f"{name}.tif")
        data = gdal.Open(str(bare[name]), gdal.GA_Update)
        data.SetProjection("")
        data = None
    layers = {name: QgsRasterLayer(str(path), f"bare {name}") for name, path in bare.items()}
    # the project ends them: PyQGIS keeps the frames of a failed run until after QGIS has closed
    QgsProject.instance().addMapLayers(layers.values())
    for layer in layers.values():
        layer.setCrs(QgsCoordinateReferenceSystem())
    values = {**layers, "MODEL": model, "OUTPUT": str(tmp_path / "sic.tif")}
    _, ok = algorithm("predict").run(values, context, feedback)
    assert not ok
    assert any(re.search(r"bare HH.* CRS", error) for error in feedback.errors)
    assert not (tmp_path / "sic.tif").exists()
    for layer in layers.values():
        layer.setCrs(QgsCoordinateReferenceSystem("EPSG:3413"))
    processing.run("seaice:predict", values, context=context, feedback=feedback)
    assert QgsRasterLayer(values["OUTPUT"], "sic").crs().authid() == "EPSG:3413"


def bad_quicklook(files, make_raster):
    return {"HH": make_raster("quicklook.tif", value=120.0, size=64)}


def bad_linear(files, make_raster):
    return {"HH": make_raster("linear.tif", value=0.05, size=64)}


def bad_empty(files, make_raster):
    return {"HH": make_raster("empty.tif", value=-9999.0, size=64)}


def bad_model(files, make_raster):
    return {"MODEL": files["HH"]}


def bad_missing_model(files, make_raster):
    return {"MODEL": "/no/such.safetensors"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (bad_quicklook, "quicklook"),
        (bad_linear, "linear"),
        (bad_empty, "empty"),
        (bad_model, r"SIC network: .*HH\.tif is not accepted. A model file that Train SIC"),
        (bad_missing_model, "such.safetensors"),
    ],
)
def test_bad_input_is_reported_by_name_and_leaves_no_file(
    files, model, make_raster, context, feedback, tmp_path, change, message
):
    folder = tmp_path / "out"
    folder.mkdir()
    values = {"HH": files["HH"], "HV": files["HV"], "MODEL": model}
    values.update(change(files, make_raster), OUTPUT=str(folder / "sic.tif"))
    with pytest.raises(QgsProcessingException, match=message) as error:
        processing.run("seaice:predict", values, context=context, feedback=feedback)
    assert "Error: " not in str(error.value)  # no exception's class name: a bug would show one
    assert files_in(folder) == []


def test_a_folder_that_cannot_be_written(files, model, context, feedback):
    if not os.path.isdir("/proc/self"):
        pytest.skip("needs a folder that nobody may write to")
    values = {"HH": files["HH"], "HV": files["HV"], "MODEL": model, "OUTPUT": "/proc/self/sic.tif"}
    with pytest.raises(QgsProcessingException, match="/proc/self: cannot write there"):
        processing.run("seaice:predict", values, context=context, feedback=feedback)
