"""Extra layers as channels, in the toolbox and without a window."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import processing
import pytest
from osgeo import gdal
from qgis.core import (
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsRasterLayer,
    QgsRasterRange,
)

from tests.builders.folders import files_in
from tests.builders.quick import QUICK

pytestmark = pytest.mark.usefixtures("plugin")


def write_like(path, like, bands):
    """Write coarse bands of random values over a layer; `bands` holds names and lowest values."""
    scene = gdal.Open(like)
    x, width, _, y, _, height = scene.GetGeoTransform()
    size = 32
    data = gdal.GetDriverByName("GTiff").Create(path, size, size, len(bands), gdal.GDT_Float32)
    step = scene.RasterXSize / size
    data.SetGeoTransform((x, width * step, 0, y, 0, height * step))
    data.SetProjection(scene.GetProjection())
    rng = random.Random(path[-6:])
    for number, (name, low) in enumerate(bands, 1):
        band = data.GetRasterBand(number)
        band.SetDescription(name)
        values = struct.pack(
            f"{size * size}f", *(low + 50 * rng.random() for _ in range(size * size))
        )
        band.WriteRaster(0, 0, size, size, values)
    data = None
    return path


@pytest.fixture(scope="module")
def files(plugin, tmp_path_factory):
    """A simulated scene, a file of two brightness temperatures and a layer without a name."""
    folder = tmp_path_factory.mktemp("scene")
    found = {name: str(folder / f"{name}.tif") for name in ("HH", "HV", "REFERENCE")}
    size = {"WIDTH": 256, "HEIGHT": 256, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500}
    processing.run("seaice:simulatescene", {**size, **found})
    found["TB"] = write_like(
        str(folder / "amsr2.tif"), found["HH"], [("tb_18v", 150), ("tb_36v", 200)]
    )
    found["AGE"] = write_like(str(folder / "age.tif"), found["HH"], [("", 1000)])
    return found


@pytest.fixture(scope="module")
def model(files, tmp_path_factory):
    """A network with three extra channels, trained on layers of a project."""
    path = str(tmp_path_factory.mktemp("model") / "model.safetensors")
    layers = [QgsRasterLayer(files["TB"], "My AMSR2"), QgsRasterLayer(files["AGE"], "Ice age")]
    QgsProject.instance().addMapLayers(layers)
    scene = {name: files[name] for name in ("HH", "HV", "REFERENCE")}
    processing.run("seaice:train", {**QUICK, **scene, "EXTRA": layers, "MODEL": path})
    QgsProject.instance().removeAllMapLayers()
    return path


def values_of(path):
    return gdal.Open(path).ReadAsArray()


@pytest.fixture
def predict(files, model, context, feedback, tmp_path):
    def call(extra):
        output = str(tmp_path / "out" / "sic.tif")
        Path(output).parent.mkdir(exist_ok=True)
        values = {"HH": files["HH"], "HV": files["HV"], "EXTRA": extra}
        values.update(MODEL=model, OUTPUT=output)
        processing.run("seaice:predict", values, context=context, feedback=feedback)
        return values_of(output)

    return call


def test_layers_of_the_project_become_channels_in_any_order(predict, files, feedback):
    layers = {
        "amsr2": QgsRasterLayer(files["TB"], "renamed"),
        "age": QgsRasterLayer(files["AGE"], "Ice age"),
    }
    QgsProject.instance().addMapLayers(list(layers.values()))
    one = predict([layers["amsr2"], layers["age"]])
    two = predict([layers["age"], layers["amsr2"]])
    assert (one == two).all()
    assert (one >= 0).all()
    # the channel has the name that the layer had when the network was trained
    assert not [text for text in feedback.warnings if "Extra channels" in text]
    layers["age"].setName("years")
    three = predict([layers["age"], layers["amsr2"]])
    assert (one == three).all()
    (said,) = [text for text in feedback.warnings if "Extra channels" in text]
    assert "years as Ice_age, in the order given" in said


def test_nodata_that_the_analyst_set_leaves_pixels_out(predict, files):
    layer = QgsRasterLayer(files["TB"], "amsr2")
    QgsProject.instance().addMapLayer(layer)
    layer.dataProvider().setUserNoDataValue(2, [QgsRasterRange(0, 225)])
    sic = predict([layer, files["AGE"]])
    assert 0.3 < (sic == -9999).mean() < 0.7


@pytest.mark.parametrize("given", [(), ("AGE",), ("TB",)])
def test_a_layer_that_is_missing_is_reported_and_leaves_no_file(predict, files, tmp_path, given):
    with pytest.raises(
        QgsProcessingException,
        match=r"model\.safetensors was trained with tb_18v, tb_36v, Ice_age; given (is|are)",
    ):
        predict([files[name] for name in given])
    assert files_in(tmp_path / "out") == []


def test_a_path_without_a_file_is_not_left_out_silently(predict, files):
    with pytest.raises(QgsProcessingException, match=r"/no/such\.tif cannot be opened as a layer"):
        predict([files["TB"], files["AGE"], "/no/such.tif"])


def test_an_output_over_an_extra_layer_is_refused(files, model, context, feedback):
    values = {"HH": files["HH"], "HV": files["HV"], "MODEL": model, "OUTPUT": files["AGE"]}
    values["EXTRA"] = [files["TB"], files["AGE"]]
    with pytest.raises(QgsProcessingException, match="is the input Extra channels"):
        processing.run("seaice:predict", values, context=context, feedback=feedback)


def test_without_a_window(files, model, predict, qgis_process, tmp_path):
    sic = str(tmp_path / "headless.tif")
    done = qgis_process(
        "run",
        "seaice:predict",
        "--",
        f"HH={files['HH']}",
        f"HV={files['HV']}",
        f"EXTRA={files['AGE']}",
        f"EXTRA={files['TB']}",
        f"MODEL={model}",
        f"OUTPUT={sic}",
    )
    assert done.returncode == 0, done.stdout
    assert "age as Ice_age, in the order given" in done.stdout
    assert (values_of(sic) == predict([files["TB"], files["AGE"]])).all()
    refused = qgis_process(
        "run",
        "seaice:predict",
        "--",
        f"HH={files['HH']}",
        f"HV={files['HV']}",
        f"EXTRA={files['TB']}",
        f"MODEL={model}",
        f"OUTPUT={sic}",
    )
    assert refused.returncode == 1
    assert "was trained with tb_18v, tb_36v, Ice_age; given are amsr2 (holds tb_18v)" in (
        refused.stdout
    )


def test_a_model_of_the_designer_passes_them_on(files, model, context, feedback, predict, tmp_path):
    import models

    chain = QgsProcessingModelAlgorithm("Predict", "Tests")
    models.add_inputs(
        chain,
        QgsProcessingParameterRasterLayer("HH", "HH"),
        QgsProcessingParameterRasterLayer("HV", "HV"),
        QgsProcessingParameterMultipleLayers("EXTRA", "EXTRA"),
    )
    models.add_step(
        chain,
        "predict",
        inputs={name: name for name in ("HH", "HV", "EXTRA")},
        values={"MODEL": model},
        outputs={"OUTPUT": "SIC"},
    )
    (output,) = chain.destinationParameterDefinitions()
    sic = str(tmp_path / "chained.tif")
    extra = [files["TB"], files["AGE"]]
    values = {"HH": files["HH"], "HV": files["HV"], "EXTRA": extra, output.name(): sic}
    processing.run(chain, values, context=context, feedback=feedback)
    assert (values_of(sic) == predict(extra)).all()
