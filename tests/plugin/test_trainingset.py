"""A training set built and learnt from as QGIS runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from osgeo import gdal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(plugin, feedback):
    import processing

    def run(name, **parameters):
        return processing.run(f"seaice:{name}", parameters, feedback=feedback)

    return run


def test_scenes_are_added_and_a_network_learns_from_them(run, tmp_path):
    folder = str(tmp_path / "set")
    for seed in (1, 2):
        scene = run(
            "simulatescene",
            SEED=seed,
            WIDTH=96,
            HEIGHT=96,
            RESOLUTION=500,
            REFERENCE_PIXEL=6000,
            FOOTPRINT=6000,
            HH=str(tmp_path / f"hh_{seed}.tif"),
            HV=str(tmp_path / f"hv_{seed}.tif"),
            REFERENCE=str(tmp_path / f"sic_{seed}.tif"),
        )
        added = run(
            "buildtrainingset",
            HH=scene["HH"],
            HV=scene["HV"],
            REFERENCE=scene["REFERENCE"],
            RESOLUTION=500,
            CHIP_SIZE=32,
            TRAINING_SET=folder,
            REPORT=str(tmp_path / "set.html"),
        )
        assert (added["ADDED"], added["SCENES"]) == (1, seed)
        assert os.path.samefile(added["TRAINING_SET"], folder)
    listed = run("buildtrainingset", TRAINING_SET=folder)
    assert (listed["ADDED"], listed["SCENES"], listed["CHIPS"]) == (0, 2, 18)
    trained = run(
        "train",
        TRAINING_SET=folder,
        CHIP_SIZE=32,
        FILTERS=4,
        DEPTH=2,
        EPOCHS=1,
        CHIPS_PER_EPOCH=8,
        FOLDS=2,
        MODEL=str(tmp_path / "net.safetensors"),
        REPORT=str(tmp_path / "report.html"),
    )
    assert os.path.exists(trained["MODEL"])
    assert trained["VALIDATION_RMSE"] > 0
    assert "RMSE of cross-validation" in (tmp_path / "report.html").read_text(encoding="utf-8")


ARCTIC = """
import sys
from tests.builders.ai4arctic import MadeUpArctic
MadeUpArctic().ready(sys.argv[1], apart=True)
"""


def test_a_file_of_ai4arctic_is_added_alone_and_with_its_folder(run, tmp_path, worker_python):
    files = tmp_path / "files"
    files.mkdir()
    subprocess.run([worker_python, "-c", ARCTIC, str(files)], cwd=ROOT, check=True)
    (path,) = files.glob("*_prep.nc")
    for source, added in ((path, 1), (files, 0)):
        done = run(
            "buildtrainingset",
            AI4ARCTIC=str(source),
            AI4ARCTIC_CHANNELS=["incidence_angle", "btemp_36_5h"],
            CHIP_SIZE=32,
            TRAINING_SET=str(tmp_path / "arctic"),
        )
        assert (done["ADDED"], done["SCENES"]) == (added, 1)
    manifest = json.loads((tmp_path / "arctic" / "trainingset.json").read_text())
    assert manifest["channels"] == ["HH", "HV", "incidence_angle", "btemp_36_5h"]
    done = run(
        "buildtrainingset",
        AI4ARCTIC=str(path),
        CHIP_SIZE=32,
        TRAINING_SET=str(tmp_path / "default"),
    )
    manifest = json.loads((tmp_path / "default" / "trainingset.json").read_text())
    assert manifest["channels"] == ["HH", "HV", "incidence_angle"]


def test_layers_and_a_file_together_are_refused_in_the_dialog(plugin, tmp_path):
    from qgis.core import QgsApplication, QgsProcessingContext

    algorithm = QgsApplication.processingRegistry().createAlgorithmById("seaice:buildtrainingset")
    path = tmp_path / "hh.tif"
    gdal.GetDriverByName("GTiff").Create(str(path), 4, 4, 1)
    possible, why = algorithm.checkParameterValues(
        {"AI4ARCTIC": "a.nc", "HH": str(path), "TRAINING_SET": str(tmp_path / "set")},
        QgsProcessingContext(),
    )
    assert not possible
    assert "HH backscatter: the AI4Arctic file brings its own; give the file or layers" in why
