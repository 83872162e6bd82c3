import dataclasses
import re

import numpy as np
import pytest
import rasterio

from ml_core import checkpoint
from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import PredictJob, TrainJob
from ml_core.prediction.training_distribution import TrainingDistribution
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.builders.scenes import ice, write_scene


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    return write_scene(folder, ice((160, 160), 8, seed=3), size=500.0, coarse=8)


@pytest.fixture(scope="module")
def train(layers, tmp_path_factory):
    def train(**more):
        model = str(tmp_path_factory.mktemp("model") / "net.safetensors")
        values = {
            **layers,
            "resolution": 0,
            "chip_size": 32,
            "filters": 4,
            "depth": 2,
            "epochs": 3,
            "chips_per_epoch": 16,
            "learning_rate": 0.02,
            "device": "cpu",
            "model": model,
        }
        execute(TrainJob.from_dict({**values, **more}))
        return model

    return train


@pytest.fixture(scope="module")
def single(train):
    return train(dropout=0.3)


@pytest.fixture(scope="module")
def ensemble(train):
    return train(members=3)


def predicted(layers, model, tmp_path, **more):
    paths = {name: str(tmp_path / f"{name}.tif") for name in ("output", "uncertainty")}
    scene = {name: layers[name] for name in ("hh", "hv")}
    job = PredictJob(model=model, **scene, **{**paths, **more})
    done, events = execute(job)
    rasters = {}
    for name, path in paths.items():
        try:
            with rasterio.open(path) as dataset:
                rasters[name] = dataset.read(masked=True), dataset.transform, dataset.tags()
        except rasterio.errors.RasterioIOError:
            continue
    return done, events.texts(), rasters


def test_a_card_holds_the_calibration_and_the_training_distribution(single):
    card = checkpoint.read_card(single)
    assert card.calibration["method"] == "dropout"
    assert card.calibration["networks"] == 16
    # a spread that says nothing gets the factor 0; the floors then carry the whole uncertainty
    assert card.calibration["scale"] >= 0
    assert min(card.calibration["floors_percent"]) >= 0
    assert max(card.calibration["floors_percent"]) > 0
    assert card.calibration["footprints"] > 1
    assert 0 <= card.calibration["coverage_before"] <= 1
    assert card.calibration["widened"] >= 1
    # wider than for these cells, so that blocks elsewhere are held too
    assert 0.89 <= card.calibration["coverage_after"] <= 1
    domain = TrainingDistribution.from_dict(card.training["domain"])
    assert domain.counts.sum() > 10_000
    assert -20 < domain.median_db[0] < -8


def test_the_training_report_shows_how_well_the_uncertainty_is_calibrated(train, tmp_path):
    train(dropout=0.3, report=str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "16 networks by dropout; the 90 % interval of means over a footprint held" in text
    train(dropout=0.0, report=str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "not calibrated: no validation part, or no dropout" in text


def test_without_dropout_or_validation_nothing_is_calibrated(train):
    assert checkpoint.read_card(train(dropout=0.0)).calibration is None
    assert checkpoint.read_card(train(validation_fraction=0.0)).calibration is None


def test_the_uncertainty_lies_on_cells_of_an_eighth_of_the_footprint(single, layers, tmp_path):
    done, messages, rasters = predicted(layers, single, tmp_path)
    (std, novel), transform, tags = rasters["uncertainty"]
    assert transform.a == 500  # 4 km / 8
    assert std.shape == (160, 160)
    floors = checkpoint.read_card(single).calibration["floors_percent"]
    assert std.min() >= min(floors) - 1e-4
    assert std.max() > std.min()
    assert novel.max() <= 100
    assert tags["SEAICE_CALIBRATED"] == "yes"
    assert tags["SEAICE_FOOTPRINT_M"] == "4000"
    assert done.numbers["MEAN_UNCERTAINTY"] == pytest.approx(std.mean(), rel=1e-4)
    assert done.numbers["NOVEL_FRACTION"] < 0.05
    assert any("Uncertainty of means over 4 km, calibrated on" in text for text in messages)


def test_the_map_is_the_same_with_and_without_uncertainty(single, layers, tmp_path):
    _, _, first = predicted(layers, single, tmp_path)
    _, _, second = predicted(layers, single, tmp_path / "..", uncertainty=None)
    # two graphs, each rounded in bfloat16; by how much depends on the processor's arithmetic
    np.testing.assert_allclose(first["output"][0], second["output"][0], atol=1.0)


def test_an_ensemble_predicts_the_mean_of_its_members(ensemble, layers, tmp_path):
    card, tensors = checkpoint.load(ensemble)
    assert checkpoint.member_count(tensors) == 3
    assert card.calibration["method"] == "ensemble"
    _, messages, rasters = predicted(layers, ensemble, tmp_path, runtime="torch")
    assert any("an ensemble of 3 networks predicts" in text for text in messages)
    alone = []
    for number in range(3):
        path = str(tmp_path / f"member{number}.safetensors")
        state = checkpoint.member(tensors, number)
        checkpoint.save(path, {f"member0.{name}": value for name, value in state.items()}, card)
        _, _, one = predicted(layers, path, tmp_path, runtime="torch", uncertainty=None)
        alone.append(one["output"][0][0])
    np.testing.assert_allclose(rasters["output"][0][0], np.mean(alone, axis=0), atol=0.3)
    assert np.std(alone, axis=0).max() > 0.1
    assert rasters["uncertainty"][2]["SEAICE_UNCERTAINTY"] == "ensemble, 3 networks"


def test_an_uncertainty_that_cannot_be_had_is_an_error(train, layers, tmp_path):
    model = train(dropout=0.0)
    with pytest.raises(SeaIceError, match="no dropout, so no samples can be drawn"):
        predicted(layers, model, tmp_path)
    assert not (tmp_path / "uncertainty.tif").exists()


def test_a_network_that_was_not_calibrated_is_warned_of(train, layers, tmp_path):
    _, messages, rasters = predicted(
        layers, train(dropout=0.3, validation_fraction=0.0), tmp_path, samples=4
    )
    assert any("the uncertainty is not calibrated" in text for text in messages)
    assert rasters["uncertainty"][2]["SEAICE_CALIBRATED"] == "no"
    assert rasters["uncertainty"][2]["SEAICE_UNCERTAINTY"] == "dropout, 4 networks"


@pytest.mark.parametrize(
    ("held", "widened", "doubt"),
    [
        (0.7, 1.9, r"held 70 % of blocks that were left out .* made 1.9 times as wide"),
        (0.85, 1.2, None),
        (None, 1.0, "calibrated on a single block"),
    ],
)
def test_a_calibration_that_did_not_hold_is_doubted(single, layers, tmp_path, held, widened, doubt):
    card, tensors = checkpoint.load(single)
    calibration = {
        **card.calibration,
        "coverage_of_blocks_left_out": held,
        "widened": widened,
    }
    model = str(tmp_path / "net.safetensors")
    checkpoint.save(model, tensors, dataclasses.replace(card, calibration=calibration))
    _, messages, _ = predicted(layers, model, tmp_path)
    found = [text for text in messages if "rough guide" in text]
    assert len(found) == (doubt is not None)
    assert not doubt or re.search(doubt, found[0])


def test_an_uncertainty_that_follows_from_sic_alone_is_reported(single, layers, tmp_path):
    card, tensors = checkpoint.load(single)
    told = {}
    for scale in (0.0, 1.0):
        model = str(tmp_path / "net.safetensors")
        calibration = {**card.calibration, "scale": scale}
        checkpoint.save(model, tensors, dataclasses.replace(card, calibration=calibration))
        _, messages, _ = predicted(layers, model, tmp_path)
        told[scale] = any("so it follows from SIC alone" in text for text in messages)
    assert told == {0.0: True, 1.0: False}


def test_a_scene_unlike_the_training_is_warned_of(single, layers, tmp_path):
    with rasterio.open(layers["hh"]) as dataset:
        bright = write_raster(tmp_path / "bright.tif", dataset.read(1) + 12, size=500.0)
    done, messages, _ = predicted({**layers, "hh": bright}, single, tmp_path)
    assert done.numbers["NOVEL_FRACTION"] > 0.5
    assert any("of the scene's pixels are unlike what the network was" in text for text in messages)


def test_members_and_folds_do_not_go_together(layers):
    with pytest.raises(JobError, match="Members and Cross-validation folds do not go together"):
        TrainJob.from_dict({**layers, "model": "net.safetensors", "members": 2, "folds": 3})
