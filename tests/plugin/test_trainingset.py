"""A training set built and learnt from as QGIS runs it."""

from __future__ import annotations

import os

import pytest


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
