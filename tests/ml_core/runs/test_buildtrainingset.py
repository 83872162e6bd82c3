import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ml_core.datasets import training_set as store
from ml_core.datasets.training_set import TrainingSet, folder_name
from ml_core.errors import CancelledError, JobError, SeaIceError
from ml_core.events import Progress
from ml_core.jobs import BuildTrainingSetJob
from tests.builders.rasters import write_raster
from tests.builders.trainingsets import PIXEL_M, SHAPE, Built, retag, scene_files

ROOT = Path(__file__).resolve().parents[3]


def files_of(folder):
    """Every file of a set with its bytes, but the lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_scene_is_added_with_what_is_known_of_it(tmp_path):
    paths = scene_files(tmp_path, 3, tags={"SEAICE_PLATFORM": "S1B"}, angle=True)
    built = Built(tmp_path / "set", **paths)
    assert built.done.numbers == {"ADDED": 1, "SCENES": 1, "CHIPS": 12}
    training_set = TrainingSet.open(tmp_path / "set")
    assert training_set.shared.channels == ("HH", "HV", "incidence_angle")
    assert training_set.shared.resolution_m == PIXEL_M
    (name,) = training_set.names()
    record = training_set.record(name)
    assert record.name == "hh_3"
    assert record.shape_px == SHAPE
    assert record.pixels == SHAPE[0] * SHAPE[1]
    assert sum(record.sic_histogram) == record.pixels
    assert record.mean_sic_percent == pytest.approx(50, abs=5)
    assert record.acquisition["SEAICE_PLATFORM"] == "S1B"
    assert record.hours_apart == 0  # the reference is of the whole day
    assert record.inputs["reference"] == "sic_3.tif"
    data = training_set.data(name)
    assert isinstance(data.array, np.memmap)
    values = np.asarray(data.array)
    assert record.mean == pytest.approx(values[..., :3].mean((0, 1)), rel=1e-4)
    assert record.std == pytest.approx(values[..., :3].std((0, 1)), rel=1e-4)
    assert data.grid.transform.a == PIXEL_M
    assert data.grid.crs.to_epsg() == 3413
    assert data.footprint_m == 8 * PIXEL_M
    assert data.cells.count.sum() == record.pixels
    assert data.sums[..., -1].sum() == pytest.approx(values[..., -1].sum(), rel=1e-5)


def test_adding_again_changes_nothing_and_a_changed_scene_is_replaced(tmp_path):
    paths = scene_files(tmp_path, 0)
    Built(tmp_path / "set", **paths)
    before = files_of(tmp_path / "set")
    again = Built(tmp_path / "set", **paths)
    assert again.done.numbers["ADDED"] == 0
    assert any("is already in the set, unchanged" in text for text in again.texts("info"))
    assert files_of(tmp_path / "set") == before
    retag(paths["hh"], SEAICE_PLATFORM="S1C")
    changed = Built(tmp_path / "set", **paths)
    assert changed.done.numbers == {"ADDED": 1, "SCENES": 1, "CHIPS": 12}
    record = TrainingSet.open(tmp_path / "set").record("hh_0")
    assert record.acquisition["SEAICE_PLATFORM"] == "S1C"


def test_a_scene_has_no_reference_where_its_mask_leaves_it_out(tmp_path):
    paths = scene_files(tmp_path, 0)
    Built(tmp_path / "set", **paths)
    mask = np.ones(SHAPE, np.uint8)
    mask[:, :40] = 0
    paths["reference_mask"] = write_raster(tmp_path / "mask.tif", mask, size=PIXEL_M)
    assert Built(tmp_path / "set", **paths).done.numbers["ADDED"] == 1
    training_set = TrainingSet.open(tmp_path / "set")
    record = training_set.record("hh_0")
    assert record.pixels == SHAPE[0] * (SHAPE[1] - 40)
    assert record.inputs["reference_mask"] == "mask.tif"
    assert np.isnan(training_set.data("hh_0").array[:, :40, -1]).all()
    write_raster(tmp_path / "mask.tif", 0 * mask + 1, size=PIXEL_M)
    assert Built(tmp_path / "set", **paths).done.numbers["ADDED"] == 1


def test_a_scene_is_known_by_its_product_or_the_name_given(tmp_path):
    Built(tmp_path / "set", **scene_files(tmp_path, 0, tags={"SEAICE_PRODUCT": "S1A_EW: 1/2"}))
    Built(tmp_path / "set", **scene_files(tmp_path, 1), name="mine")
    assert TrainingSet.open(tmp_path / "set").names() == ["S1A_EW_1_2", "mine"]
    assert folder_name("../../etc") == "etc"


def test_the_set_is_listed_and_reported_without_adding(training_set, tmp_path):
    report = tmp_path / "set.html"
    built = Built(training_set, report=str(report), resolution=None)
    assert built.done.numbers == {"ADDED": 0, "SCENES": 4, "CHIPS": 48}
    lines = built.texts("info")
    assert lines[0].endswith("set: 4 scenes")
    assert re.search(r"hh_2: 12 chips, mean SIC (59|60) %, 2024-03-03T06:00:00", lines[3])
    html = report.read_text()
    for text in ("hh_0", "hh_3", "2024-03-04 06:00", "48", "HV mean"):
        assert text in html


def test_the_report_warns_of_distant_references_and_rare_sic(tmp_path):
    paths = scene_files(tmp_path, 0, ice=0.02)
    retag(paths["reference"], SEAICE_DATE="2024-03-05")
    report = tmp_path / "set.html"
    Built(tmp_path / "set", report=str(report), max_hours_apart=100, **paths)
    html = report.read_text()
    assert "The reference of 1 scenes is more than 24 h away" in html
    assert "90-100 %" in html
    assert "A set of one scene cannot show" in html


def error_of(folder, **parameters):
    with pytest.raises(SeaIceError) as caught:
        Built(folder, **parameters)
    return str(caught.value)


def test_scenes_that_do_not_fit_the_set_are_refused_and_leave_it_as_it_was(tmp_path):
    folder = tmp_path / "set"
    Built(folder, **scene_files(tmp_path, 0))
    before = files_of(folder)
    other = scene_files(tmp_path, 1, angle=True)
    assert "the scene has HH, HV, incidence_angle, the training set HH, HV; all" in error_of(
        folder, **other
    )
    other.pop("incidence")
    assert "its scenes have pixels of 100 m, Resolution 200 m is asked for" in error_of(
        folder, **other, resolution=200
    )
    small = scene_files(tmp_path, 2, shape=(24, 112))
    assert "the scene has 24 x 112 px of 100 m, less than a chip of 32 x 32 px" in error_of(
        folder, **small
    )
    retag(other["hh"], SEAICE_POLARISATION="VV")
    retag(other["hv"], SEAICE_POLARISATION="VH")
    assert "the scene has VV, VH, the training set HH, HV" in error_of(folder, **other)
    assert files_of(folder) == before


def test_a_reference_of_another_time_is_refused_unless_allowed(tmp_path):
    folder, paths = tmp_path / "set", scene_files(tmp_path, 0)
    retag(paths["reference"], SEAICE_DATE="2024-03-03T12:00")
    apart = "hh_0.tif is of 2024-03-01 06:00, sic_0.tif of 2024-03-03 12:00: 54.0 h apart"
    assert apart in error_of(folder, **paths)
    assert not folder.exists()
    built = Built(folder, max_hours_apart=60, **paths)
    assert any(apart in text for text in built.texts("warning"))
    record = TrainingSet.open(folder).record("hh_0")
    assert record.hours_apart == 54
    assert any(apart in note for note in record.notes)
    # what is allowed does not change the scene
    assert Built(folder, max_hours_apart=61, **paths).done.numbers["ADDED"] == 0


def test_a_scene_whose_noise_was_handled_otherwise_is_refused_and_may_replace_itself(tmp_path):
    folder = tmp_path / "set"
    esa, none = {"SEAICE_NOISE": "ESA, range"}, {"SEAICE_NOISE": "none"}
    first = scene_files(tmp_path, 0, tags=none)
    Built(folder, **first)
    second = scene_files(tmp_path, 1, tags=esa)
    message = error_of(folder, **second)
    assert "hh_1: the thermal noise of HV was handled as esa, that of the set's other" in message
    assert message.endswith("with Thermal noise = none")
    assert TrainingSet.open(folder).names() == ["hh_0"]
    retag(first["hh"], **esa)
    retag(first["hv"], **esa)
    assert Built(folder, **first).done.numbers["ADDED"] == 1
    assert Built(folder, **second).done.numbers["SCENES"] == 2


def test_hv_handled_otherwise_than_hh_is_in_the_record(tmp_path):
    paths = scene_files(tmp_path, 0, tags={"SEAICE_NOISE": "ESA, range"})
    retag(paths["hv"], SEAICE_NOISE="scaled, range", SEAICE_FLOOR_DB="-45")
    report = tmp_path / "set.html"
    Built(tmp_path / "set", report=str(report), **paths)
    acquisition = TrainingSet.open(tmp_path / "set").record("hh_0").acquisition
    assert acquisition["SEAICE_NOISE"] == "ESA, range"
    assert acquisition["SEAICE_NOISE_CROSSPOL"] == "scaled, range"
    text = report.read_text(encoding="utf-8")
    assert "HH ESA, range, HV scaled, range" in text
    assert "HV -45" in text


def test_another_floor_is_warned_of_and_another_platform_welcome(tmp_path):
    tags = {"SEAICE_FLOOR_DB": "-50", "SEAICE_PLATFORM": "S1A"}
    Built(tmp_path / "set", **scene_files(tmp_path, 0, tags=tags))
    tags = {"SEAICE_FLOOR_DB": "-40", "SEAICE_PLATFORM": "S1B"}
    built = Built(tmp_path / "set", **scene_files(tmp_path, 1, tags=tags))
    (warning,) = (text for text in built.texts("warning") if "differs from" in text)
    assert "hh_1: differs from the set's other scenes (in brackets): floor of HH in dB" in warning
    assert "S1B" not in warning


def test_a_reference_without_a_time_is_noted_once(tmp_path):
    paths = scene_files(tmp_path, 0)
    retag(paths["reference"], SEAICE_DATE="")
    built = Built(tmp_path / "set", **paths)
    lines = [text for text in built.texts() if "The time of sic_0.tif is unknown" in text]
    assert len(lines) == 1
    assert TrainingSet.open(tmp_path / "set").record("hh_0").hours_apart is None


def test_a_missing_layer_is_named(tmp_path):
    with pytest.raises(JobError, match="Reference SIC is missing; a scene needs HH, HV and a"):
        BuildTrainingSetJob(hh="a.tif", hv="b.tif", training_set=str(tmp_path))


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    message = error_of(tmp_path / "photos", **scene_files(tmp_path, 0))
    assert "holds a.jpg but no training set; give a new or empty folder" in message
    with pytest.raises(SeaIceError, match="is no training set; give the folder that Build"):
        TrainingSet.open(tmp_path / "photos")
    with pytest.raises(SeaIceError, match="does not exist; give the folder that Build"):
        Built(tmp_path / "absent", resolution=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 99}, "written in format 99 by a newer version of the plugin"),
        ({"format_version": "x"}, "is no record of a training set of this plugin"),
        ({"resolution_m": -1}, "is damaged (resolution_m is -1)"),
        ({"channels": []}, "is damaged (channels are ()"),
    ],
)
def test_sets_of_another_version_or_damaged_are_refused(training_set, change, message):
    path = training_set / "trainingset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SeaIceError) as caught:
        TrainingSet.open(training_set)
    assert message in str(caught.value)


def test_a_newer_plugins_additions_are_ignored(training_set):
    path = training_set / "trainingset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "colour": "red"}))
    assert TrainingSet.open(training_set).shared.channels == ("HH", "HV")


def test_a_half_written_manifest_is_reported(training_set):
    path = training_set / "trainingset.json"
    path.write_text(path.read_text()[:30])
    with pytest.raises(SeaIceError, match=r"cannot be read .*the training set is damaged"):
        TrainingSet.open(training_set)


def test_a_damaged_scene_is_reported_and_can_be_added_again(training_set, tmp_path):
    pixels = training_set / "scenes" / "hh_1" / "pixels.npy"
    pixels.write_bytes(pixels.read_bytes()[:5000])
    with pytest.raises(SeaIceError, match=r"hh_1: the scene is damaged .*add it again"):
        TrainingSet.open(training_set).data("hh_1")
    (training_set / "scenes" / "hh_1" / "scene.json").write_text("{")
    listed = Built(training_set, resolution=None)
    assert listed.done.numbers["SCENES"] == 3
    assert any("hh_1" in text for text in listed.texts("warning"))
    Built(training_set, **scene_files(tmp_path / "layers", 1, ice=0.4))
    assert TrainingSet.open(training_set).data("hh_1").array.shape == (*SHAPE, 3)


def test_cancelling_leaves_the_set_as_it_was(training_set, tmp_path):
    before = files_of(training_set)
    with pytest.raises(CancelledError):
        Built(training_set, cancelled=lambda: True, **scene_files(tmp_path, 7))
    assert files_of(training_set) == before


def test_a_killed_run_leaves_the_set_as_it_was(training_set, tmp_path):
    """The process ends in the middle of a scene, without any clean-up."""
    before = files_of(training_set)
    kill = (
        "import os, ml_core.runs.buildtrainingset as b\n"
        "b.fill = lambda *a: os._exit(9)\n"
        "from tests.builders.trainingsets import Built, scene_files\n"
        "from pathlib import Path\n"
        f"Built({str(training_set)!r}, **scene_files(Path({str(tmp_path)!r}), 7))\n"
    )
    assert subprocess.run([sys.executable, "-c", kill], cwd=ROOT).returncode == 9
    assert (training_set / "scenes" / ".hh_7.part").exists()
    assert len(TrainingSet.open(training_set).names()) == 4
    with TrainingSet.open(training_set).writing():
        assert files_of(training_set) == before


def test_an_interrupted_replacement_is_put_right(training_set):
    scenes = training_set / "scenes"
    before = files_of(training_set)
    os.replace(scenes / "hh_2", scenes / ".hh_2.old")
    with TrainingSet.open(training_set).writing():
        assert files_of(training_set) == before


def test_two_runs_do_not_write_at_once(training_set, tmp_path):
    with TrainingSet.open(training_set).writing():
        assert "another run adds a scene to this training set; wait" in error_of(
            training_set, **scene_files(tmp_path, 9)
        )


def test_a_full_disk_is_reported_and_leaves_the_set_as_it_was(training_set, tmp_path, monkeypatch):
    before = files_of(training_set)
    usage = store.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    message = error_of(training_set, **scene_files(tmp_path, 9))
    assert "the disk is full" in message
    assert "coarser Resolution" in message
    assert files_of(training_set) == before


def test_progress_rises_to_the_end(tmp_path):
    built = Built(tmp_path / "set", **scene_files(tmp_path, 0))
    fractions = [e.fraction for e in built.events if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9


def test_the_uncertainty_of_a_reference_is_added(tmp_path):
    paths = scene_files(tmp_path / "a", 0)
    with rasterio.open(paths["reference"]) as dataset:
        sic, profile = dataset.read(1), dataset.profile
    with rasterio.open(paths["reference"], "w", **{**profile, "count": 2}) as dataset:
        dataset.write(np.stack([sic, np.full_like(sic, 7)]))
        dataset.update_tags(SEAICE_UNCERTAINTY_BAND="2")
    report = tmp_path / "set.html"
    added = Built(tmp_path / "set", **paths)
    assert "its uncertainty 7 % (median)" in added.events.text
    Built(tmp_path / "set", **scene_files(tmp_path / "b", 1), report=str(report))
    assert "Uncertainty [% SIC]" in report.read_text()
    found = TrainingSet.open(tmp_path / "set")
    first, second = (found.data(name).uncertainty_percent for name in found.names())
    assert (first == 7).all()
    assert second is None
    assert [found.record(name).uncertainty_percent for name in found.names()] == [7, None]


def test_charts_that_are_drawn_on_the_scene_do_not_drift(tmp_path):
    with pytest.raises(JobError, match="chart is drawn on the scene itself: leave it at 0"):
        BuildTrainingSetJob(training_set=str(tmp_path), ai4arctic="a.nc", ice_drift=12)
