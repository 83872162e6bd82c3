"""The packaged plugin as an analyst's QGIS has it: qgis_process, models, upgrades."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from qgis.core import (
    QgsProcessingModelAlgorithm,
    QgsProcessingParameterNumber,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)

ROOT = Path(__file__).resolve().parents[2]


SCENE = ("WIDTH=128", "HEIGHT=128", "RESOLUTION=500", "REFERENCE_PIXEL=12500")


def test_the_algorithms_are_listed_and_explained(qgis_process):
    listed = qgis_process("list").stdout
    assert "seaice:train" in listed
    assert "seaice:predict" in listed
    help_ = qgis_process("help", "seaice:train").stdout
    assert "ARCHITECTURE" in help_
    assert "unet" in help_


def test_a_run_leaves_its_outputs_with_their_style(qgis_process, tmp_path):
    outputs = [f"{name}={tmp_path / name}.tif" for name in ("HH", "HV", "TRUE_SIC")]
    done = qgis_process("run", "seaice:simulatescene", "--", *SCENE, *outputs)
    assert done.returncode == 0, done.stdout
    assert f"HH:\t{tmp_path}/HH.tif" in done.stdout
    assert "MEAN_SIC:\t" in done.stdout
    assert isinstance(
        QgsRasterLayer(str(tmp_path / "TRUE_SIC.tif"), "sic").renderer(),
        QgsSingleBandPseudoColorRenderer,
    )


def test_relative_output_paths_are_the_callers(qgis_process, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = qgis_process("run", "seaice:simulatescene", "--", *SCENE, "HH=hh.tif", "HV=hv.tif")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "hh.tif").is_file()


def test_a_wrong_value_is_reported_and_nothing_runs(qgis_process, tmp_path):
    done = qgis_process(
        "run",
        "seaice:simulatescene",
        "--",
        *SCENE[2:],
        "WIDTH=5",
        f"HH={tmp_path}/hh.tif",
        f"HV={tmp_path}/hv.tif",
    )
    assert done.returncode == 1
    assert "Width: 5 is out of bounds; give 64 to 30000 px" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_missing_worker_is_reported_in_one_line(qgis_process):
    done = qgis_process("run", "seaice:checkenvironment", SEAICE_PYTHON="/no/such/python")
    assert done.returncode == 1
    assert "/no/such/python: no such program, but the environment variable" in done.stdout
    assert "Traceback" not in done.stdout


def test_an_upgraded_plugin_reaches_its_new_ml_core(plugins, tmp_path):
    import shutil

    copy = tmp_path / "plugins"
    shutil.copytree(plugins, copy)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("reload_plugin.py")), str(copy)],
        env={
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "QT_QPA_PLATFORM": "offscreen",
            "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path / "profile"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == [
        "Check environment | seaice_qgis.ml_core.jobs | False",
        "Check the environment 2 | seaice_qgis.ml_core.jobs | False",
    ]
    assert done.returncode == 0


@pytest.fixture
def model(plugin):
    """A model whose child simulates a scene of a given width."""
    import models

    model = QgsProcessingModelAlgorithm("Scene", "Tests")
    models.add_inputs(model, QgsProcessingParameterNumber("width", "Width", defaultValue=128))
    models.add_step(
        model,
        "simulatescene",
        inputs={"WIDTH": "width"},
        values={"HEIGHT": 128, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500},
        outputs={name: name for name in ("HH", "HV", "TRUE_SIC")},
    )
    return model


def outputs_of(model):
    """Return the names of a model's outputs: simulatescene:HH in QGIS 3.22, hh in newer ones."""
    return {each.description(): each.name() for each in model.destinationParameterDefinitions()}


def test_a_model_runs_in_qgis_process(qgis_process, model, tmp_path):
    path = tmp_path / "scene.model3"
    assert model.toFile(str(path))
    names = outputs_of(model)
    outputs = [f"{names[name]}={tmp_path / name}.tif" for name in ("HH", "HV", "TRUE_SIC")]
    done = qgis_process("run", str(path), "--", "width=100", *outputs)
    assert done.returncode == 0, done.stdout
    assert QgsRasterLayer(str(tmp_path / "HH.tif"), "hh").width() == 100


def test_the_style_survives_inside_a_model(model, context, feedback):
    import gc

    import processing
    from qgis.core import QgsProcessing, QgsProject

    temporary = {name: QgsProcessing.TEMPORARY_OUTPUT for name in outputs_of(model).values()}
    gc.collect()
    processing.runAndLoadResults(model, temporary, feedback=feedback, context=context)
    gc.collect()
    (sic,) = (
        layer
        for layer in QgsProject.instance().mapLayers().values()
        if "SIC" in layer.name().upper()
    )
    assert isinstance(sic.renderer(), QgsSingleBandPseudoColorRenderer)
