"""The networks in QGIS: trained, predicted with, described and compared."""

from __future__ import annotations

import csv

import processing
import pytest
from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer

NETWORKS = ("unet", "encoder_decoder", "same_resolution_cnn", "patch_cnn", "alexnet")
SMALL = {"WIDTH": 128, "HEIGHT": 128, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500}
FIT = {
    "RESOLUTION": 0,
    "FOOTPRINT": 4000,
    "FILTERS": 2,
    "CHIP_SIZE": 80,
    "EPOCHS": 1,
    "CHIPS_PER_EPOCH": 8,
    "VALIDATION_FRACTION": 0,
}

pytestmark = pytest.mark.usefixtures("plugin")


@pytest.fixture
def scene(tmp_path, feedback):
    paths = {name: str(tmp_path / f"{name.lower()}.tif") for name in ("HH", "HV", "REFERENCE")}
    processing.run("seaice:simulatescene", {**SMALL, **paths}, feedback=feedback)
    return paths


def train_predict_describe(scene, folder, network, task, feedback):
    def run(name, **values):
        return processing.run(f"seaice:{name}", values, feedback=feedback)

    model = str(folder / "net.safetensors")
    more = {"CLASS_BOUNDS": "50", "TASK": "classes"} if task == "classes" else {}
    run("train", **scene, **FIT, **more, ARCHITECTURE=network, MODEL=model)
    layers = {name: scene[name] for name in ("HH", "HV")}
    outputs = {"OUTPUT": str(folder / "sic.tif")}
    if task == "classes":
        outputs["CLASS_MAP"] = str(folder / "classes.tif")
    predicted = run("predict", **layers, **outputs, MODEL=model)
    described = run("describemodel", MODEL=model, REPORT=str(folder / "net.html"))
    assert described["PARAMETERS"] > 100
    assert network in (folder / "net.html").read_text(encoding="utf-8")
    assert 0 <= predicted["MEAN_SIC"] <= 100
    return predicted


def test_classes_have_a_map_with_their_names(scene, tmp_path, feedback):
    predicted = train_predict_describe(scene, tmp_path, "patch_cnn", "classes", feedback)
    layer = QgsRasterLayer(predicted["CLASS_MAP"], "classes")
    renderer = layer.renderer()
    assert isinstance(renderer, QgsPalettedRasterRenderer)
    labels = [entry.label for entry in renderer.classes()]
    assert labels == ["water, below 50 %", "ice, 50 % and more"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["regression", "classes"])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_and_task(scene, tmp_path, feedback, network, task):
    predicted = train_predict_describe(scene, tmp_path, network, task, feedback)
    assert QgsRasterLayer(predicted["OUTPUT"], "sic").isValid()


def test_a_network_is_described_from_parameters_alone(tmp_path, feedback):
    values = {"ARCHITECTURE": "alexnet", "FILTERS": 96, "PATCH_SIZE": 227}
    report = tmp_path / "alexnet.html"
    result = processing.run(
        "seaice:describemodel",
        {**values, "REPORT": str(report)},
        feedback=feedback,
    )
    assert result["RECEPTIVE_FIELD"] == 227
    assert ">dense6<" in report.read_text(encoding="utf-8")


def test_networks_are_compared(scene, tmp_path, feedback):
    values = {
        **scene,
        **FIT,
        "ARCHITECTURE": "patch_cnn,same_resolution_cnn",
        "PATCH_SIZE": 9,
        "FILTERS": "2",
        "DEPTH": "1",
        "CHIP_SIZE": 32,
        "DROPOUT": "0",
        "L2": "0, 1e-4",
        "SEEDS": 1,
        "VALIDATION_FRACTION": 0.2,
        "REPORT": str(tmp_path / "comparison.html"),
        "TABLE": str(tmp_path / "trainings.csv"),
    }
    processing.run("seaice:comparenetworks", values, feedback=feedback)
    with open(values["TABLE"], encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["network"], row["regularisation"]) for row in rows} == {
        (network, regularisation)
        for network in ("patch_cnn", "same_resolution_cnn")
        for regularisation in ("l2=0", "l2=0.0001")
    }
    assert (tmp_path / "comparison.runs.jsonl").exists()
