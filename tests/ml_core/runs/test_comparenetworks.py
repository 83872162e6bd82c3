import csv

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from ml_core.errors import CancelledError, JobError, SeaIceError
from ml_core.jobs import CompareNetworksJob
from ml_core.sweep import runs
from tests.builders.jobs import Events, execute
from tests.builders.rasters import write_raster

SHAPE, PIXEL_M, FOOTPRINT_M = (112, 128), 1000.0, 8000.0
NONE = {"dropout": (0,), "l2": (0,), "l1": (0,)}


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """HH, HV and the SIC that they follow, as files."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(5)
    field = gaussian_filter(rng.normal(size=SHAPE), 10)
    sic = gaussian_filter((field > np.median(field)) * 100.0, 3.4)
    arrays = {
        "hh": -18 + 8 * sic / 100 + rng.normal(0, 1, SHAPE),
        "hv": -28 + 9 * sic / 100 + rng.normal(0, 1, SHAPE),
        "reference": sic,
    }
    return {
        name: write_raster(folder / f"{name}.tif", array.astype(np.float32), size=PIXEL_M)
        for name, array in arrays.items()
    }


def make_job(layers, folder, **changes):
    values = {
        "architecture": ("patch_cnn", "same_resolution_cnn"),
        "patch_size": 9,
        "filters": (2,),
        "depth": (1,),
        "kernel_size": 3,
        "dropout": (0, 0.2),
        "l2": (1e-4,),
        "l1": (0, 1e-3),
        "seeds": 2,
        "epochs": 2,
        "chips_per_epoch": 8,
        "chip_size": 32,
        "resolution": 0,
        "footprint": FOOTPRINT_M,
        "validation_fraction": 0.15,
        "device": "cpu",
        "report": str(folder / "c.html"),
        "table": str(folder / "c.csv"),
    }
    return CompareNetworksJob(**layers, **{**values, **changes})


def compare(job, after=10**6):
    """Run a job, cancelled once so many runs have ended; return what it gave and its messages."""
    events = Events()

    def cancelled():
        return sum(": RMSE" in text for text in events.texts()) >= after

    return execute(job, cancelled, events)[0], events.texts()


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def finished(layers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    job = make_job(layers, folder)
    done, texts = compare(job)
    return job, done, texts


def test_every_combination_is_fitted_with_every_seed(finished):
    job, done, _ = finished
    rows = rows_of(job.table)
    assert len(rows) == 2 * 2 * 2 * 2
    assert len({(row["network"], row["regularisation"], row["seed"]) for row in rows}) == 16
    assert done.outputs == {"REPORT": job.report, "TABLE": job.table}
    for row in rows:
        assert row["error"] == ""
        assert 0 < float(row["rmse_test_percent"]) < 100
        assert float(row["rmse_validation_percent"]) != float(row["rmse_test_percent"])


def test_the_report_shows_configurations_baselines_and_the_rule(finished):
    job, _, _ = finished
    with open(job.report, encoding="utf-8") as stream:
        page = stream.read()
    for text in (
        "patch_cnn",
        "2 filters, depth 1",
        "dropout=0.2 l2=0.0001 l1=0.001",
        "linear regression on backscatter",
        "position: nearest reference cell",
        "Over-fitted: the validation loss",
        "Weights that L1 drove to zero",
        "c.runs.jsonl",
    ):
        assert text in page


def test_a_cancelled_comparison_keeps_what_is_finished_and_goes_on(layers, finished, tmp_path):
    job = make_job(layers, tmp_path)
    with pytest.raises(CancelledError):
        compare(job, after=5)
    kept = tmp_path / "c.runs.jsonl"
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    assert len(kept.read_text().splitlines()) == 5
    _, texts = compare(job)
    assert any("16 runs, 5 of them finished before" in text for text in texts)
    # the figures are those of a comparison that was never cancelled, but for the time
    for resumed, straight in zip(rows_of(job.table), rows_of(finished[0].table), strict=True):
        for row in (resumed, straight):
            del row["seconds"]
        assert resumed == straight


def test_other_data_or_settings_are_trained_anew(layers, tmp_path):
    small = {"architecture": ("patch_cnn",), "seeds": 1, **NONE}
    compare(make_job(layers, tmp_path, **small))

    def finished_before(job):
        return next(text for text in compare(job)[1] if "finished before" in text)

    assert ", 1 of them" in finished_before(make_job(layers, tmp_path, **small))
    other = make_job(layers, tmp_path, **small, learning_rate=1e-3)
    assert ", 0 of them" in finished_before(other)
    with rasterio.open(layers["hh"]) as file:
        profile, array = file.profile, file.read()
    array[0, 50, 60] += 0.5
    changed = str(tmp_path / "hh.tif")
    with rasterio.open(changed, "w", **profile) as file:
        file.write(array)
    other = make_job({**layers, "hh": changed}, tmp_path, **small)
    assert ", 0 of them" in finished_before(other)


def test_a_fit_that_diverges_does_not_end_the_comparison(layers, tmp_path, monkeypatch):
    run = runs.execute

    def diverged(configuration, *rest):
        if configuration.config.fit.l2:
            raise SeaIceError("the training loss is no longer a number")
        return run(configuration, *rest)

    monkeypatch.setattr(runs, "execute", diverged)
    small = {"architecture": ("same_resolution_cnn",), "seeds": 1, "table": None}
    job = make_job(layers, tmp_path, **small, **{**NONE, "l2": (0, 1e-4)})
    _, texts = compare(job)
    assert any("l2=0.0001, seed 1: the training loss is no longer a number" in t for t in texts)
    with open(job.report, encoding="utf-8") as stream:
        assert "failed: the training loss is no longer a number" in stream.read()
    with pytest.raises(SeaIceError, match="no fit succeeded; the first failed: the training"):
        compare(make_job(layers, tmp_path, **small, **{**NONE, "l2": (2e-4,)}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": "4, 2.5"}, r"Filters: 2\.5; expected whole numbers"),
        ({"depth": "0"}, "Depths: 0; expected whole numbers of 1 or more"),
        ({"dropout": "0, 1"}, "Dropout rates: 1 is out of bounds; give 0 or more and less than 1"),
        ({"l2": "-1"}, "L2 lambdas: -1 is out of bounds"),
        ({"architecture": "unet, vgg"}, "'vgg' is not one of unet, encoder_decoder"),
    ],
)
def test_wrong_lists_are_refused_before_anything_is_read(layers, tmp_path, changes, message):
    with pytest.raises(JobError, match=message):
        make_job(layers, tmp_path, **changes)
