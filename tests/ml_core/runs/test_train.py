import html
import json
import re

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from ml_core import checkpoint, networks
from ml_core.errors import CancelledError, SeaIceError
from ml_core.events import Metric, Progress
from ml_core.jobs import PredictJob, TrainJob
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.builders.scenes import backscatter, ice, write_scene

PIXEL_M = 500.0


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """A scene of 120 x 160 px whose reference has cells of 8 px."""
    folder = tmp_path_factory.mktemp("layers")
    return write_scene(folder, ice((120, 160), 8), size=PIXEL_M, coarse=8)


@pytest.fixture
def job(layers, tmp_path):
    def make(**more):
        values = {
            **layers,
            "resolution": 0,
            "chip_size": 32,
            "filters": 4,
            "depth": 2,
            "epochs": 4,
            "chips_per_epoch": 16,
            "learning_rate": 0.02,
            "device": "cpu",
            "model": str(tmp_path / "net.safetensors"),
            "report": str(tmp_path / "report.html"),
        }
        return TrainJob.from_dict({**values, **more})

    return make


def refused(job, folder):
    before = sorted(folder.iterdir())
    with pytest.raises(SeaIceError) as caught:
        execute(job)
    assert sorted(folder.iterdir()) == before
    return str(caught.value)


def test_a_scene_becomes_a_model_file_and_a_report(job, tmp_path):
    done, events = execute(job())
    assert set(done.numbers) == {"TRAIN_RMSE", "VALIDATION_RMSE", "BEST_EPOCH"}
    card, tensors = checkpoint.load(done.outputs["MODEL"])
    assert card.channels == ("HH", "HV")
    assert card.resolution_m == PIXEL_M
    assert card.footprint_m == 8 * PIXEL_M
    assert card.training["inputs"] == {"HH": "hh.tif", "HV": "hv.tif", "reference": "sic.tif"}
    assert card.training["seed"] == 1
    assert card.training["fitted_again_on_everything"] is True
    assert card.training["steps"] == 4 * done.numbers["BEST_EPOCH"]
    assert card.split["buffer_m"] >= 8 * PIXEL_M
    assert len(card.curves["first"]["validation"]) == 4
    assert len(card.curves["second"]["training"]) == done.numbers["BEST_EPOCH"]
    assert card.metrics["validation"]["rmse_percent"] == done.numbers["VALIDATION_RMSE"]
    assert set(card.metrics["validation_cells_rmse_percent"]) == {
        "mean",
        "column_mean",
        "nearest",
        "linear",
        "network",
    }
    assert str(tmp_path) not in json.dumps(card.training)
    config = networks.NetworkConfig.from_dict(card.network)
    networks.restore(config, checkpoint.member(tensors, 0))
    page = (tmp_path / "report.html").read_text()
    for text in ("hh.tif", "independent footprints", "linear regression", "best epoch"):
        assert text in page
    progress = [event.fraction for event in events if isinstance(event, Progress)]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    names = [event.name for event in events if isinstance(event, Metric)]
    assert names.count("validation loss") == 4


def test_training_beats_knowing_nothing(job):
    done, _ = execute(job(epochs=10, chips_per_epoch=40, refit=False, report=None))
    card = checkpoint.read_card(done.outputs["MODEL"])
    errors = card.metrics["validation_cells_rmse_percent"]
    assert errors["network"] < 0.6 * errors["mean"]
    assert done.numbers["TRAIN_RMSE"] < 20
    assert card.training["fitted_again_on_everything"] is False


def test_the_report_shows_how_many_weights_are_at_zero(job, tmp_path):
    done, _ = execute(job(l1=1e-4))
    card, tensors = checkpoint.load(done.outputs["MODEL"])
    weights = np.concatenate([t.ravel() for t in tensors.values() if t.ndim == 4])
    share = float((np.abs(weights) < 1e-3).mean())
    assert card.metrics["zero_weights"] == {"below": 1e-3, "share": pytest.approx(share)}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(rf"driven to zero \(below 0\.001\).*{100 * share:.1f} %", page, re.DOTALL)


def test_the_same_job_gives_the_same_weights(job, tmp_path):
    first, _ = execute(job(epochs=2, report=None))
    second, _ = execute(job(epochs=2, report=None, model=str(tmp_path / "again.safetensors")))
    one, two = (checkpoint.load(done.outputs["MODEL"])[1] for done in (first, second))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert np.array_equal(value, two[name]), name
    assert first.numbers == second.numbers


@pytest.mark.parametrize("match", ["pixels", "footprints"])
def test_what_the_reference_mask_leaves_out_changes_nothing(job, layers, tmp_path, match):
    """Neither fit nor split nor scores: other values there, such as land's, give the same."""
    with rasterio.open(layers["reference"]) as dataset:
        sic, size = dataset.read(1), dataset.res[0]
    coast = np.ones(sic.shape, np.uint8)
    coast[:, :6] = coast[9:11, 12:15] = 0
    mask = write_raster(tmp_path / "mask.tif", coast, size=size)
    found = []
    for land in (0, 60):
        reference = np.where(coast, sic, np.float32(land))
        path = write_raster(tmp_path / "sic.tif", reference, size=size)
        more = {"reference_mask": mask, "match": match, "report": None, "epochs": 2}
        done, _ = execute(job(reference=path, footprint=8 * PIXEL_M, **more))
        card, tensors = checkpoint.load(done.outputs["MODEL"])
        found.append((done.numbers, card.split, card.metrics, tensors))
    (numbers, split, metrics, tensors), other = found
    assert (numbers, split, metrics) == other[:3]
    assert all(np.array_equal(tensors[name], other[3][name]) for name in tensors)
    assert card.training["inputs"]["reference_mask"] == "mask.tif"


def test_without_validation_everything_trains_and_no_error_is_claimed(job):
    done, events = execute(job(epochs=2, validation_fraction=0))
    assert set(done.numbers) == {"TRAIN_RMSE", "BEST_EPOCH"}
    assert any("nothing is kept apart" in getattr(event, "text", "") for event in events)
    card = checkpoint.read_card(done.outputs["MODEL"])
    assert card.training["fitted_again_on_everything"] is False
    assert card.split["reference_pixels"]["training"] == 120 * 160


def test_an_incidence_angle_becomes_a_channel(job, tmp_path):
    angle = np.linspace(20, 45, 160, dtype=np.float32)[None].repeat(120, 0)
    done, _ = execute(
        job(
            epochs=1,
            incidence=write_raster(tmp_path / "angle.tif", angle, size=PIXEL_M),
            report=None,
        )
    )
    card = checkpoint.read_card(done.outputs["MODEL"])
    assert card.channels == ("HH", "HV", "incidence_angle")
    assert card.mean[2] == pytest.approx(32.5, abs=3)


@pytest.mark.parametrize("bounds", [(), (15,)])
def test_classes_are_learnt_by_cross_entropy(job, bounds):
    sizes = {"epochs": 1, "report": None, "task": "classes", "class_bounds": bounds}
    done, _ = execute(job(**sizes, class_weights=bool(bounds)))
    card = checkpoint.read_card(done.outputs["MODEL"])
    assert card.task == "classes"
    expected = len(bounds) + 1 if bounds else 11
    assert card.network["out_channels"] == len(card.classes["labels"]) == expected
    assert card.curves["unit"] == "nat"


@pytest.fixture
def seen_by_a_radiometer(tmp_path):
    """A scene whose ice has sharp edges, its reference of 16-px footprints, and the true SIC."""
    field = gaussian_filter(np.random.default_rng(3).normal(size=(160, 192)), 10)
    truth = (field > 0) * 100.0
    hh, hv = backscatter(truth)
    reference = gaussian_filter(truth, 16 / 2.3548).astype(np.float32)
    layers = {"hh": hh, "hv": hv, "reference": reference}
    paths = {
        name: write_raster(tmp_path / f"{name}.tif", values, size=PIXEL_M)
        for name, values in layers.items()
    }
    return {**paths, "footprint": 16 * PIXEL_M}, truth


def test_matched_over_footprints_the_map_is_sharper_than_the_reference(
    job, tmp_path, seen_by_a_radiometer
):
    layers, truth = seen_by_a_radiometer
    rmse, errors = {}, {}
    for match in ("pixels", "footprints"):
        fitted = {"epochs": 10, "filters": 8, "chip_size": 48, "dropout": 0}
        done, _ = execute(job(**layers, **fitted, chips_per_epoch=32, match=match))
        sic = str(tmp_path / "map.tif")
        scene = {name: layers[name] for name in ("hh", "hv")}
        execute(PredictJob(**scene, model=done.outputs["MODEL"], output=sic))
        with rasterio.open(sic) as dataset:
            rmse[match] = np.sqrt(np.mean((dataset.read(1) - truth) ** 2))
        errors[match] = done.numbers["VALIDATION_RMSE"]
    assert rmse["footprints"] < 0.75 * rmse["pixels"]
    # which the errors show, since they are those of footprint means
    assert errors["footprints"] < 12
    card, _ = checkpoint.load(str(tmp_path / "net.safetensors"))
    assert card.training["parameters"]["match"] == "footprints"
    page = (tmp_path / "report.html").read_text()
    assert "means over the reference's footprint" in html.unescape(page)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "classes", "class_weights": True}, r"compared by their expected SIC"),
        ({"chip_size": 16}, r"16 px is only 1\.0 footprints wide.*at least 32 px"),
    ],
)
def test_what_cannot_be_matched_over_footprints_is_refused(
    job, tmp_path, seen_by_a_radiometer, change, message
):
    layers, _ = seen_by_a_radiometer
    found = refused(job(**layers, match="footprints", **change), tmp_path)
    assert re.search(message, found)


def test_the_resolution_lets_a_chip_span_three_footprints(job, layers):
    done, _ = execute(job(resolution=None, chip_size=16, epochs=1, footprint=8000, report=None))
    assert checkpoint.read_card(done.outputs["MODEL"]).resolution_m == pytest.approx(1500)
    done, _ = execute(job(resolution=None, chip_size=64, epochs=1, report=None))
    assert checkpoint.read_card(done.outputs["MODEL"]).resolution_m == PIXEL_M


def test_an_interpolated_reference_shows_its_footprint(job, layers, tmp_path):
    sic = ice((120, 160), 8)
    smooth = write_raster(tmp_path / "smooth.tif", sic, size=PIXEL_M)
    done, events = execute(job(reference=smooth, epochs=1, report=None))
    assert any("was interpolated from a footprint" in getattr(e, "text", "") for e in events)
    card = checkpoint.read_card(done.outputs["MODEL"])
    assert card.footprint_m == pytest.approx(8 * PIXEL_M, rel=0.2)
    assert card.split["buffer_m"] >= card.footprint_m
    done, _ = execute(job(reference=smooth, epochs=1, report=None, footprint=3000))
    assert checkpoint.read_card(done.outputs["MODEL"]).footprint_m == 3000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chip_size": 30}, r"Chip size 30 px is no multiple of 4 px.*28 or 32"),
        ({"depth": 6}, r"Chip size 32 px is less than the 64 px"),
        (
            {"footprint": 40_000, "match": "pixels"},
            r"too small for a validation part.*120 x 160 px",
        ),
    ],
)
def test_what_cannot_work_is_an_error_and_leaves_no_file(job, tmp_path, change, message):
    text = refused(job(**change), tmp_path)
    assert re.search(message, text), text


def test_classes_refuse_a_reference_of_fractions(job, tmp_path, layers):
    with rasterio.open(layers["reference"]) as dataset:
        sic = dataset.read(1)
    fractions = write_raster(tmp_path / "fractions.tif", sic / 100, size=8 * PIXEL_M)
    text = refused(job(reference=fractions, task="classes"), tmp_path)
    assert "fractions.tif holds values of 0 to 1, and class bounds are in percent" in text
    assert "choose the task regression" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_bounds": (80, 15)}, "class bounds 80, 15: they must increase"),
        ({"class_bounds": (0.15, 0.8)}, "they look like fractions; give percent"),
        ({"class_bounds": (15, 15.001)}, r"in class 15-15\.001 %, which .* by class: 0-15 %:"),
        ({"task": "regression", "class_bounds": (15,)}, "choose the task classes"),
        ({"kernel_size": 4}, "kernel size 4 is even"),
        ({"architecture": "alexnet", "depth": 3}, "published kernels"),
        ({"patch_size": 9}, "patch size = 9, but this network leaves no choice"),
    ],
)
def test_networks_and_classes_that_cannot_be_are_refused(job, tmp_path, change, message):
    text = refused(job(**{"task": "classes", **change}), tmp_path)
    assert re.search(message, text), text


def test_data_that_never_meet_are_refused(job, tmp_path, layers):
    with rasterio.open(layers["hh"]) as dataset:
        hh = dataset.read(1)
    hh[:, 80:] = np.nan
    with rasterio.open(layers["reference"]) as dataset:
        sic = dataset.read(1)
    sic[:, :10] = np.nan
    text = refused(
        job(
            hh=write_raster(tmp_path / "hh.tif", hh, size=PIXEL_M),
            reference=write_raster(tmp_path / "sic.tif", sic, size=8 * PIXEL_M),
        ),
        tmp_path,
    )
    assert "no valid pixel in common" in text


def test_a_cancelled_training_leaves_no_file(job, tmp_path):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 12

    with pytest.raises(CancelledError):
        execute(job(epochs=1000), cancelled)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", ["everything", "best_fold"])
def test_cross_validation_scores_every_value_once_and_gives_the_spread(job, tmp_path, keep):
    done, events = execute(job(folds=3, keep=keep, epochs=2))
    card = checkpoint.read_card(done.outputs["MODEL"])
    # 15 x 20 cells of a footprint, of which those at the scene's edges are not covered
    assert card.metrics["validation"]["reference_values"] == 13 * 18
    folds = card.metrics["folds_rmse_percent"]
    assert len(folds) == len(card.split["folds"]) == 3
    assert min(folds) < done.numbers["VALIDATION_RMSE"] < max(folds)
    assert card.training["fitted_again_on_everything"] is (keep == "everything")
    assert "standard deviation" in (tmp_path / "report.html").read_text()
    progress = [event.fraction for event in events if isinstance(event, Progress)]
    assert progress == sorted(progress)


def test_one_fold_is_refused_before_anything_is_read(job):
    with pytest.raises(SeaIceError, match="1 part leaves none to train on"):
        job(folds=1)


@pytest.mark.parametrize("several", ["folds", "members"])
def test_folds_and_members_can_be_matched_over_footprints(job, seen_by_a_radiometer, several):
    layers, _ = seen_by_a_radiometer
    sizes = {"chip_size": 32, "epochs": 2, "chips_per_epoch": 8}
    done, _ = execute(job(**layers, **sizes, match="footprints", **{several: 2}))
    card, tensors = checkpoint.load(done.outputs["MODEL"])
    assert len(card.metrics["folds_rmse_percent"]) == 2 * (several == "folds")
    assert ("member1.layers.output.bias" in tensors) == (several == "members")
    assert 0 < done.numbers["VALIDATION_RMSE"] < 100


def with_uncertainty(layers, folder):
    """The layers with a reference whose uncertainty, 2 or 25 %, is band 2."""
    with rasterio.open(layers["reference"]) as dataset:
        sic, transform = dataset.read(1), dataset.transform
    sigma = np.where(np.indices(sic.shape).sum(0) % 2, 2, 25).astype(np.float32)
    path = write_raster(
        folder / "sic2.tif",
        np.stack([sic, sigma]),
        transform=transform,
        tags={"SEAICE_UNCERTAINTY_BAND": "2"},
    )
    return {**layers, "reference": path}


def test_reference_values_are_weighted_by_their_uncertainty(job, layers, tmp_path):
    weighted = with_uncertainty(layers, tmp_path)
    states = []
    for name, more in {
        "plain": weighted,
        "weighted": {**weighted, "added_uncertainty": 5},
        "without": {**layers, "added_uncertainty": 5},
    }.items():
        model = str(tmp_path / f"{name}.safetensors")
        _, events = execute(job(**more, model=model))
        states.append(checkpoint.load(model)[1])
        said = "Reference values are weighted by their uncertainty: median" in events.text
        assert said is (name == "weighted")
        warned = "no reference value has an uncertainty" in events.warnings
        assert warned is (name == "without")
        card = checkpoint.load(model)[0].training
        assert (card["weighting"] in events.texts()) is said
    assert card["parameters"]["added_uncertainty"] == 5
    assert card["weighting"] is None
    plain, with_weights, without = (
        np.concatenate([state[name].ravel() for name in sorted(state)]) for state in states
    )
    assert np.array_equal(plain, without)
    assert not np.allclose(plain, with_weights)


def test_weighted_in_footprint_means(job, layers, tmp_path):
    more = {**with_uncertainty(layers, tmp_path), "match": "footprints", "added_uncertainty": 5}
    done, events = execute(job(**more))
    assert "weights 0." in events.text
    assert done.numbers["VALIDATION_RMSE"] > 0
