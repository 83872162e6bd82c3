import json

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from ml_core import checkpoint
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.sampler import TrainingSampler
from ml_core.datasets.split import Split
from ml_core.datasets.training_set import TrainingSet
from ml_core.errors import CancelledError, JobError, SeaIceError
from ml_core.events import Message, Metric
from ml_core.jobs import PredictJob, TrainJob
from ml_core.training.tasks import Regression
from tests.builders.jobs import execute
from tests.builders.trainingsets import Built, retag, scene_files

SMALL = {
    "chip_size": 32,
    "filters": 4,
    "depth": 2,
    "epochs": 4,
    "chips_per_epoch": 24,
    "batch_size": 4,
    "learning_rate": 0.02,
    "device": "cpu",
}


def train_on(folder, tmp_path, cancelled=lambda: False, **more):
    """Train on a set; return what the job gave and its events."""
    parameters = {
        **SMALL,
        "training_set": str(folder),
        "model": str(tmp_path / "net.safetensors"),
        "report": str(tmp_path / "report.html"),
        **more,
    }
    return execute(TrainJob(**parameters), cancelled)


def test_a_set_becomes_a_network_that_knows_where_it_comes_from(training_set, tmp_path):
    done, events = train_on(
        training_set, tmp_path, refit=True, epochs=8, chips_per_epoch=48, learning_rate=0.02
    )
    assert done.numbers["VALIDATION_RMSE"] < 25
    assert done.numbers["TRAIN_RMSE"] < 25
    card = checkpoint.read_card(str(tmp_path / "net.safetensors"))
    assert card.channels == ("HH", "HV")
    assert (card.resolution_m, card.footprint_m) == (100, 800)
    assert card.training["inputs"] == {"training_set": "set", "scenes": "4"}
    assert {scene["part"] for scene in card.training["scenes"]} == {"training", "validation"}
    assert card.training["scenes"][0]["acquisition"]["SEAICE_START"] == "2024-03-01T06:00:00"
    assert card.training["domain"]
    assert card.training["fitted_again_on_everything"]
    validation = card.split["validation_scenes"]
    assert len(validation) == 1
    assert set(card.metrics["scenes_rmse_percent"]) == {"hh_0", "hh_1", "hh_2", "hh_3"}
    scene = card.metrics["scenes_rmse_percent"][validation[0]]
    assert scene == pytest.approx(done.numbers["VALIDATION_RMSE"])
    baselines = set(card.metrics["validation_cells_rmse_percent"])
    assert baselines == {"network", "mean", "linear", "nearest"}
    html = (tmp_path / "report.html").read_text()
    for text in ("Errors by scene", "RMSE on the validation scenes", "training set set, 4 scenes"):
        assert text in html
    names = {event.name for event in events if isinstance(event, Metric)}
    assert names == {"training loss", "validation loss"}
    files = scene_files(tmp_path / "new", 11)
    output = str(tmp_path / "sic.tif")
    model = str(tmp_path / "net.safetensors")
    job = PredictJob(hh=files["hh"], hv=files["hv"], model=model, output=output)
    mapped, _ = execute(job)
    assert 20 < mapped.numbers["MEAN_SIC"] < 80


def test_scenes_whose_references_were_allowed_to_be_far_are_named(training_set, tmp_path):
    paths = scene_files(tmp_path, 7)
    retag(paths["reference"], SEAICE_DATE="2024-03-13")
    Built(training_set, max_hours_apart=200, **paths)
    _, events = train_on(training_set, tmp_path, epochs=1, report=None)
    assert "more than 24 h from the acquisition, as was allowed when they" in events.warnings
    assert "were added: hh_7. The" in events.warnings


def test_a_set_of_an_older_plugin_that_mixes_noise_handling_is_refused(training_set, tmp_path):
    for name, noise in (("hh_0", "ESA, range"), ("hh_1", "none")):
        path = training_set / "scenes" / name / "scene.json"
        values = json.loads(path.read_text())
        values["acquisition"]["SEAICE_NOISE"] = noise
        path.write_text(json.dumps(values))
    message = refused(training_set, tmp_path)
    assert (
        "set: the thermal noise of its scenes was handled differently (esa: hh_0; none: hh_1)"
        in (message)
    )


def test_fine_tuning_on_another_noise_handling_is_warned_of(tmp_path):
    scene = scene_files(tmp_path / "a", 0, tags={"SEAICE_NOISE": "none"})
    train_on("", tmp_path, **scene, refit=False, epochs=1, resolution=100)
    initial = tmp_path / "initial.safetensors"
    (tmp_path / "net.safetensors").rename(initial)
    other = scene_files(tmp_path / "b", 1, tags={"SEAICE_NOISE": "ESA, range"})
    more = {"initial_model": str(initial), "refit": False, "epochs": 1}
    _, events = train_on("", tmp_path, **other, **more)
    assert "hh_1.tif: the thermal noise of HV was handled as esa, that of the scenes that" in (
        events.warnings
    )
    assert "initial.safetensors was trained on as none" in events.warnings
    _, events = train_on("", tmp_path, **scene, **more)
    assert "thermal noise" not in events.warnings


def test_the_same_seed_gives_the_same_network(training_set, tmp_path):
    states = []
    for _ in range(2):
        train_on(training_set, tmp_path, refit=False, epochs=2)
        states.append(checkpoint.load(str(tmp_path / "net.safetensors"))[1])
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


def test_the_normalisation_is_that_of_all_training_pixels(training_set, tmp_path):
    train_on(training_set, tmp_path, refit=False, epochs=1)
    card = checkpoint.read_card(str(tmp_path / "net.safetensors"))
    opened = TrainingSet.open(training_set)
    names = card.split["training_scenes"]
    assert len(names) == 3
    pixels = np.concatenate([opened.data(n).array[..., :2].reshape(-1, 2) for n in names])
    assert card.mean == pytest.approx(pixels.mean(0), rel=1e-5)
    assert card.std == pytest.approx(pixels.std(0), rel=1e-5)


def test_chips_come_from_all_scenes_by_their_reference(training_set):
    opened = TrainingSet.open(training_set)
    scenes = {name: opened.data(name) for name in opened.names()}
    scaling = Normalisation(np.zeros(2, np.float32), np.ones(2, np.float32))
    splits = {name: Split.full(data.cells) for name, data in scenes.items()}
    sampler = TrainingSampler(scenes, splits, scaling, 32, Regression().label)
    batch = sampler.draw(400, np.random.default_rng(0))
    assert batch.pixels.shape == (400, 32, 32, 2)
    assert batch.valid.all()
    # the reference is everywhere, so that all places of a scene are drawn alike
    expected = [
        sliding_window_view(data.array[..., -1], (32, 32)).mean() / 100 for data in scenes.values()
    ]
    assert max(expected) - min(expected) > 0.4
    deviation = batch.label.mean((1, 2)).std() / np.sqrt(400)
    assert batch.label.mean() == pytest.approx(np.mean(expected), abs=4 * deviation)


def test_fine_tuning_keeps_normalisation_and_records_the_lineage(training_set, tmp_path):
    train_on(training_set, tmp_path, refit=False)
    first, state = checkpoint.load(str(tmp_path / "net.safetensors"))
    initial = tmp_path / "initial.safetensors"
    (tmp_path / "net.safetensors").rename(initial)
    train_on(
        training_set,
        tmp_path,
        initial_model=str(initial),
        frozen_convolutions=2,
        epochs=1,
        learning_rate=1e-3,
        oversample=True,
    )
    card, tuned = checkpoint.load(str(tmp_path / "net.safetensors"))
    assert (card.mean, card.std) == (first.mean, first.std)
    lineage = card.training["lineage"]
    assert (lineage["initial_model"], lineage["frozen_convolutions"]) == ("initial.safetensors", 2)
    assert lineage["steps"] == first.training["steps"]
    frozen = [name for name in state if "down0" in name]
    assert frozen
    assert all(np.array_equal(state[name], tuned[name]) for name in frozen)
    assert any(not np.array_equal(state[name], tuned[name]) for name in state)
    with pytest.raises(SeaIceError, match=r"is another network \(filters 4\)"):
        train_on(training_set, tmp_path, initial_model=str(initial), filters=8)


def test_layers_with_an_initial_model_take_its_resolution(training_set, tmp_path):
    train_on(training_set, tmp_path, refit=False, epochs=1)
    initial = tmp_path / "initial.safetensors"
    (tmp_path / "net.safetensors").rename(initial)
    layers = scene_files(tmp_path / "more", 8)
    train_on(
        "",
        tmp_path,
        **layers,
        initial_model=str(initial),
        refit=False,
        epochs=1,
    )
    card = checkpoint.read_card(str(tmp_path / "net.safetensors"))
    assert card.resolution_m == pytest.approx(100)
    assert card.training["lineage"]["initial_model"] == "initial.safetensors"
    assert card.training["acquisition"]["SEAICE_START"] == "2024-03-09T06:00:00"


def refused(folder, tmp_path, **more):
    with pytest.raises(SeaIceError) as caught:
        train_on(folder, tmp_path, **more)
    assert not (tmp_path / "net.safetensors").exists()
    return str(caught.value)


def test_what_does_not_fit_is_reported_and_leaves_nothing(training_set, tmp_path):
    assert "Resolution 300 m is asked for; leave Resolution empty" in refused(
        training_set, tmp_path, resolution=300
    )
    assert "is no training set" in refused(tmp_path, tmp_path)
    path = training_set / "scenes" / "hh_2" / "pixels.npy"
    path.write_bytes(path.read_bytes()[:3000])
    assert "hh_2: the scene is damaged" in refused(training_set, tmp_path)


def test_scenes_of_water_alone_are_taken_but_no_set_of_them(tmp_path):
    for number in range(2):
        Built(tmp_path / "set", **scene_files(tmp_path / "layers", number, ice=0))
    assert "all its scenes have a SIC of 0-10 %; a network needs water and ice" in refused(
        tmp_path / "set", tmp_path
    )
    Built(tmp_path / "set", **scene_files(tmp_path / "layers", 2))
    done, _ = train_on(tmp_path / "set", tmp_path, epochs=1)
    assert "VALIDATION_RMSE" in done.numbers


def test_an_empty_set_is_reported(training_set, tmp_path):
    import shutil

    shutil.rmtree(training_set / "scenes")
    assert "the training set is empty; add scenes" in refused(training_set, tmp_path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"hh": "a.tif"}, "Training set and HH backscatter are both given"),
        ({"reference_mask": "a.tif"}, "Training set and Reference mask are both given"),
        ({"ice_drift": 12.0}, "give Ice drift to Build training set"),
        ({"folds": 3, "members": 2}, "Members and Cross-validation folds do not go together"),
        ({"folds": 1}, "1 part leaves none to train on"),
    ],
)
def test_parameters_that_contradict_a_set_are_reported(more, message):
    with pytest.raises(JobError, match=message):
        TrainJob(training_set="set", model="x", **more)
    with pytest.raises(JobError, match="Frozen convolutions: fresh weights would be frozen"):
        TrainJob(training_set="set", model="x", frozen_convolutions=1)


def test_classes_can_be_learnt_from_a_set(training_set, tmp_path):
    done, _ = train_on(
        training_set,
        tmp_path,
        task="classes",
        class_bounds=(15, 80),
        class_weights=True,
        refit=False,
        epochs=2,
    )
    assert checkpoint.read_card(done.outputs["MODEL"]).task == "classes"


def test_cancelling_leaves_nothing(training_set, tmp_path):
    calls = []

    def cancelled():
        calls.append(1)
        return len(calls) > 3

    with pytest.raises(CancelledError):
        train_on(training_set, tmp_path, cancelled)
    assert not (tmp_path / "net.safetensors").exists()


def test_without_validation_all_scenes_train(training_set, tmp_path):
    done, events = train_on(training_set, tmp_path, validation_fraction=0, epochs=1)
    assert "VALIDATION_RMSE" not in done.numbers
    warnings = [e.text for e in events if isinstance(e, Message) and e.level == "warning"]
    assert any("nothing is kept apart" in text for text in warnings)
    card = checkpoint.read_card(str(tmp_path / "net.safetensors"))
    assert json.loads(json.dumps(card.split))["validation_scenes"] == []
