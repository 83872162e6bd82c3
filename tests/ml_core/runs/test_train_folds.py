"""Cross-validation, ensembles and calibrated uncertainty of networks that learn from a set."""

import numpy as np
import pytest
import rasterio

from ml_core import checkpoint
from ml_core.datasets.training_set import TrainingSet
from ml_core.errors import SeaIceError
from ml_core.events import Progress
from ml_core.jobs import PredictJob
from ml_core.training import calibration as uncertainty
from tests.builders.jobs import execute
from tests.builders.trainingsets import SHAPE, Built, scene_files
from tests.ml_core.runs.test_train_set import train_on

QUICK = {"epochs": 2, "dropout": 0.3}


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """A set of five scenes with 10 to 90 % ice."""
    folder = tmp_path_factory.mktemp("five")
    for number in range(5):
        paths = scene_files(folder / "layers", number, ice=0.1 + 0.2 * number)
        Built(folder / "set", **paths)
    return folder / "set"


@pytest.fixture(scope="module")
def water(tmp_path_factory):
    """A set of three scenes of open water and one with ice."""
    folder = tmp_path_factory.mktemp("water")
    for number in range(4):
        paths = scene_files(folder / "layers", number, ice=0.5 * (number == 2))
        Built(folder / "set", **paths)
    return folder / "set"


def train(folder, tmp_path, **more):
    """Train; return the numbers, the card, the messages and the events."""
    done, events = train_on(folder, tmp_path, **{**QUICK, **more})
    texts = events.texts()
    return done.numbers, checkpoint.read_card(done.outputs["MODEL"]), texts, events


def channel_means(folder, names):
    opened = TrainingSet.open(folder)
    return np.concatenate([opened.data(n).array[..., :2].reshape(-1, 2) for n in names]).mean(0)


@pytest.mark.parametrize("keep", ["everything", "best_fold"])
def test_each_scene_validates_once_and_the_errors_are_pooled(five, tmp_path, keep):
    numbers, card, texts, events = train(five, tmp_path, folds=3, keep=keep)
    folds = card.split["folds"]
    validating = [fold["validation_scenes"] for fold in folds]
    assert sorted(name for names in validating for name in names) == TrainingSet.open(five).names()
    assert sorted(map(len, validating)) == [1, 2, 2]
    assert all(set(f["training_scenes"]).isdisjoint(f["validation_scenes"]) for f in folds)
    # every scene has as many pixels
    by_scene, by_fold = (card.metrics[f"{kind}_rmse_percent"] for kind in ("scenes", "folds"))
    pooled = np.sqrt(np.mean(np.square(list(by_scene.values()))))
    assert numbers["VALIDATION_RMSE"] == pytest.approx(pooled, rel=1e-9)
    for rmse, names in zip(by_fold, validating, strict=True):
        assert rmse**2 == pytest.approx(np.mean([by_scene[name] ** 2 for name in names]))
    # of 12 x 14 cells of a footprint those at the scenes' edges are not covered
    assert card.metrics["validation"]["reference_values"] == 5 * 10 * 12
    assert {s["name"]: s["part"] for s in card.training["scenes"]} == {
        name: f"fold {number}" for number, names in enumerate(validating, 1) for name in names
    }
    # the network that is kept is told by what its normalisation was taken from
    best = folds[int(np.argmin(by_fold))]["training_scenes"]
    learnt = TrainingSet.open(five).names() if keep == "everything" else best
    assert card.mean == pytest.approx(channel_means(five, learnt), rel=1e-5)
    assert card.training["fitted_again_on_everything"] is (keep == "everything")
    assert sum(text.startswith("Fold") and "scenes train" in text for text in texts) == 3
    progress = [event.fraction for event in events if isinstance(event, Progress)]
    assert progress == sorted(progress)
    page = (tmp_path / "report.html").read_text()
    assert "Buffer" not in page
    for text in ("RMSE of cross-validation", "standard deviation", "fold 3", "hh_4", "all scenes"):
        assert (text in page) is (text != "all scenes" or keep == "everything")


def predicted(folder, tmp_path):
    """Predict a scene that is not of the set; return the spread, its tags and the messages."""
    files = scene_files(tmp_path / "new", 11)
    path = str(tmp_path / "std.tif")
    job = PredictJob(
        hh=files["hh"],
        hv=files["hv"],
        model=str(tmp_path / "net.safetensors"),
        output=str(tmp_path / "sic.tif"),
        uncertainty=path,
    )
    _, events = execute(job)
    with rasterio.open(path) as dataset:
        return dataset.read(1, masked=True), dataset.tags(), events.texts()


@pytest.mark.parametrize(("folds", "parts"), [(0, 1), (3, 5)])
def test_few_scenes_are_no_calibration(five, tmp_path, folds, parts):
    _, card, texts, _ = train(five, tmp_path, folds=folds)
    found = card.calibration
    assert (found["parts"], found["noun"]) == (parts, "scenes" if folds else "scene")
    assert found["footprints"] == pytest.approx(168 * parts, rel=0.6)
    assert (found["coverage_of_parts_left_out"] is None) is (folds == 0)
    assert not found["calibrated"]
    said = f"not calibrated: only {parts} validation {found['noun']} could check it, of at least 9"
    assert any(said in text for text in texts)
    page = " ".join((tmp_path / "report.html").read_text().split())
    assert said in page
    lower, tags, messages = predicted(five, tmp_path)
    assert tags["SEAICE_CALIBRATED"] == "no"
    assert found["reason"] in tags["SEAICE_NOT_CALIBRATED"]
    assert lower.min() >= 0
    assert any(said in text for text in messages)


def test_an_ensemble_learns_from_a_set(five, tmp_path):
    numbers, card, texts, _ = train(five, tmp_path, members=2, dropout=0.0)
    assert set(card.calibration["gains"]) <= {"ensemble"}
    _, tensors = checkpoint.load(str(tmp_path / "net.safetensors"))
    assert checkpoint.member_count(tensors) == 2
    name = next(name for name in tensors if name.startswith("member0.") and "weight" in name)
    assert not np.array_equal(tensors[name], tensors[name.replace("member0", "member1")])
    assert any(text.startswith("Member 2 of 2: RMSE") for text in texts)
    assert numbers["VALIDATION_RMSE"] == card.metrics["validation"]["rmse_percent"]
    std, tags, _ = predicted(five, tmp_path)
    assert tags["SEAICE_UNCERTAINTY"].startswith("90 % interval by the SIC")
    assert std.min() >= 0


def test_large_validation_scenes_are_compared_in_squares(five, tmp_path, monkeypatch):
    _, card, _, _ = train(five, tmp_path, folds=5, keep="best_fold", epochs=1)
    monkeypatch.setattr(uncertainty, "_MOST_COMPARED_PX", SHAPE[0] * SHAPE[1])
    _, thinned, _, _ = train(five, tmp_path, folds=5, keep="best_fold", epochs=1)
    few, all_ = thinned.calibration, card.calibration
    assert few["parts"] == all_["parts"]
    assert few["mean_width_percent"] == pytest.approx(all_["mean_width_percent"], rel=0.5)


def test_folds_with_a_single_sic_are_scored(water, tmp_path):
    numbers, card, _, _ = train(water, tmp_path, folds=4)
    assert np.isfinite(card.metrics["folds_rmse_percent"]).all()
    assert numbers["VALIDATION_RMSE"] > 0
    assert "standard deviation" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"folds": 9}, r"folds: 9, but the training set holds 4 scenes of 4 passes.*give 4 folds"),
        (
            {"folds": 4, "task": "classes", "class_bounds": (50,), "epochs": 1},
            r"^Fold \d of 4: no training value of the reference is in class ice, 50 % and more",
        ),
    ],
)
def test_folds_that_cannot_be_are_reported_and_leave_nothing(water, tmp_path, more, message):
    with pytest.raises(SeaIceError, match=message):
        train(water, tmp_path, **more)
    assert list(tmp_path.iterdir()) == []
