import csv
import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter

from ml_core.errors import CancelledError, JobError, SeaIceError
from ml_core.events import Message, Reporter
from ml_core.files import OutputFiles
from ml_core.jobs import CompareNetworksJob
from ml_core.reports import comparison as report_page
from ml_core.runs import comparenetworks as comparison
from ml_core.sweep import runs
from ml_core.sweep.configurations import configurations
from ml_core.sweep.runs import SweepRun
from ml_core.sweep.summary import not_beating_baselines, summarise

SHAPE, PIXEL_M, FOOTPRINT_M = (112, 128), 1000.0, 8000.0
CHANNELS = ("HH", "HV")
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
    paths = {}
    for name, array in arrays.items():
        paths[name] = str(folder / f"{name}.tif")
        with rasterio.open(
            paths[name],
            "w",
            driver="GTiff",
            height=SHAPE[0],
            width=SHAPE[1],
            count=1,
            dtype="float32",
            crs="EPSG:3413",
            transform=Affine(PIXEL_M, 0, 5e5, 0, -PIXEL_M, -1e6),
        ) as file:
            file.write(array.astype(np.float32), 1)
    return paths


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


class Cancel:
    """Cancels once so many runs have ended."""

    def __init__(self, after):
        self.after, self.ended, self.texts = after, 0, []

    def __call__(self, event):
        if isinstance(event, Message):
            self.texts.append(event.text)
            self.ended += ": RMSE" in event.text

    def report(self):
        return Reporter(self, lambda: self.ended >= self.after)


def execute(job, after=10**6):
    listener = Cancel(after)
    with OutputFiles() as files:
        done = comparison.run(job, files, listener.report())
        files.commit()
    return done, listener.texts


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def finished(layers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    job = make_job(layers, folder)
    done, texts = execute(job)
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
        execute(job, after=5)
    kept = tmp_path / "c.runs.jsonl"
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    assert len(kept.read_text().splitlines()) == 5
    _, texts = execute(job)
    assert any("16 runs, 5 of them finished before" in text for text in texts)
    # the figures are those of a comparison that was never cancelled, but for the time
    for resumed, straight in zip(rows_of(job.table), rows_of(finished[0].table), strict=True):
        for row in (resumed, straight):
            del row["seconds"]
        assert resumed == straight


def test_other_data_or_settings_are_trained_anew(layers, tmp_path):
    small = {"architecture": ("patch_cnn",), "seeds": 1, **NONE}
    execute(make_job(layers, tmp_path, **small))

    def finished_before(job):
        return next(text for text in execute(job)[1] if "finished before" in text)

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
    _, texts = execute(job)
    assert any("l2=0.0001, seed 1: the training loss is no longer a number" in t for t in texts)
    with open(job.report, encoding="utf-8") as stream:
        assert "failed: the training loss is no longer a number" in stream.read()
    with pytest.raises(SeaIceError, match="no fit succeeded; the first failed: the training"):
        execute(make_job(layers, tmp_path, **small, **{**NONE, "l2": (2e-4,)}))


def test_settings_that_a_network_lacks_are_left_out_for_it(layers, tmp_path):
    found, left_out = configurations(
        make_job(layers, tmp_path, architecture=("patch_cnn", "unet"), kernel_size=None), CHANNELS
    )
    assert left_out == []
    by_network = {one.network: one.config.network for one in found}
    assert by_network["patch_cnn"].patch_size == 9
    assert by_network["unet"].patch_size is None


def test_a_size_that_a_network_cannot_have_is_left_out_with_its_reason(layers, tmp_path):
    changes = {"architecture": ("unet", "patch_cnn"), **NONE}
    found, left_out = configurations(make_job(layers, tmp_path, **changes, depth=(1, 7)), CHANNELS)
    assert [one.name for one in found] == [
        "unet 2 filters, depth 1, none",
        "patch_cnn 2 filters, depth 1, none",
    ]
    assert len(left_out) == 2
    assert "Chip size 32 px is less than the 128 px that the network unet needs" in left_out[0]
    assert "patch_cnn does not fit an input of 9 px" in left_out[1]
    with pytest.raises(SeaIceError, match="unet cannot be compared: Chip size 32 px is less"):
        configurations(make_job(layers, tmp_path, **changes, depth=(7,)), CHANNELS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": "4, 2.5"}, r"Filters: 2\.5; expected whole numbers"),
        ({"depth": "0"}, "Depths: 0; expected whole numbers of 1 or more"),
        ({"reference": None}, "Reference SIC is missing; a comparison needs HH, HV"),
        ({"hv": "hh"}, "HH and HV are both band 1 of hh"),
        ({"dropout": "0, 1"}, "Dropout rates: 1 is out of bounds; give 0 or more and less than 1"),
        ({"l2": "-1"}, "L2 lambdas: -1 is out of bounds"),
        ({"architecture": "unet, vgg"}, "'vgg' is not one of unet, encoder_decoder"),
    ],
)
def test_wrong_lists_are_refused_before_anything_is_read(layers, tmp_path, changes, message):
    given = {**layers, **{name: changes[name] for name in ("reference",) if name in changes}}
    if "hv" in changes:
        given["hv"] = given["hh"]
    settings = {name: value for name, value in changes.items() if name not in layers}
    with pytest.raises(JobError, match=message):
        make_job(given, tmp_path, **settings)


def make_run(seed, training, validation, rmse, **more):
    return SweepRun(
        "unet",
        "16 filters, depth 4",
        "none",
        seed,
        1000,
        training_loss=training,
        validation_loss=validation,
        rmse_percent=rmse,
        best_epoch=2,
        **more,
    )


def test_seeds_are_summed_up_by_mean_and_spread():
    falling, rising = (400, 200, 100, 60, 40, 30, 20), (500, 300, 250, 300, 350, 400, 450)
    summary = summarise(
        [
            make_run(1, falling, rising, {"training": 6.0, "validation": 10.0, "test": 9.0}),
            make_run(2, falling, rising[:5], {"training": 8.0, "validation": 14.0, "test": 13.0}),
            make_run(3, (), (), {}, error="diverged"),
        ]
    )[0]
    validation = summary.rmse_percent["validation"]
    assert (validation.mean, validation.low, validation.high) == (12, 10, 14)
    assert validation.deviation == pytest.approx(8**0.5)
    assert summary.errors == ("diverged",)
    assert len(summary.validation_loss) == 7  # the longest, where one stopped early
    assert summary.validation_loss[-1] == 450
    assert summary.diagnosis.label == "over-fitted"


def test_runs_survive_the_store():
    one = make_run(1, (4.0, 2.0), (5.0, 3.0), {"training": 6.0}, baselines={"test": {"mean": 1.0}})
    assert SweepRun.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_the_table_has_a_line_for_a_failed_run():
    (row,) = report_page.table_of_runs([make_run(1, (), (), {}, error="diverged")])
    assert row["error"] == "diverged"
    assert row["seconds"] is None
    assert row["rmse_test_percent"] is None


def test_configurations_that_do_not_beat_the_baselines_are_named():
    losses = (400, 200), (500, 300)
    scores = {"training": 6.0, "validation": 10.0, "test": 9.0}
    cells = {"linear": 9.0, "mean": 30.0}
    summaries = summarise(
        [
            make_run(seed, *losses, scores, baselines={"test": {"network": own, **cells}})
            for seed, own in ((1, 8.0), (2, 11.0))
        ]
    )
    assert not_beating_baselines(summaries, "test") == [summaries[0].name]  # 9.5 % on average
    assert not_beating_baselines(summaries, "validation") == []
    better = make_run(1, *losses, scores, baselines={"test": {"network": 8.0, **cells}})
    assert not_beating_baselines(summarise([better]), "test") == []
