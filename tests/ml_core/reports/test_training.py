import dataclasses

import pytest

from ml_core.datasets.training_data import TrainingData
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.networks import NetworkConfig
from ml_core.observation.observations import footprints_on
from ml_core.reports.tables import text
from ml_core.reports.training import baseline_warning, log, write
from ml_core.training import experiment
from ml_core.training.card import card_of
from ml_core.training.config import TrainingConfig
from ml_core.training.device import Device
from ml_core.training.fit import FitSettings
from ml_core.training.tasks import Regression

CPU = Device("cpu", low_precision=False)
JOB = TrainJob(training_set="set", model="net", report="r.html")


def fit(scene, footprint_px):
    data = TrainingData("HH and HV", {"scene": scene}, {"inputs": {"HH": "hh.tif"}})
    asked = TrainingConfig.from_job(JOB, ("HH", "HV"), footprint_px=footprint_px)
    outputs = asked.task.outputs
    config = dataclasses.replace(
        asked,
        network=NetworkConfig.of("same_resolution_cnn", filters=2, depth=1, out_channels=outputs),
        fit=FitSettings(epochs=2, chips_per_epoch=8, batch_size=4, learning_rate=0.02),
        chip_px=24,
    )
    split = data.split(1, 0.2)
    report = Reporter(lambda event: None)
    outcome = experiment.run(data.scenes, config, split.fits[0], CPU, report, split.full)
    return config, data, split, outcome, card_of(JOB, config, data, split, outcome, CPU)


@pytest.fixture(scope="module")
def fitted(small_data):
    """Of means over footprints."""
    seen = footprints_on(small_data.array[..., -1], small_data.footprint_px)
    return fit(dataclasses.replace(small_data, observations=seen), small_data.footprint_px)


@pytest.fixture(scope="module")
def fitted_by_pixels(small_data):
    """Of a reference as fine as the pixels."""
    return fit(dataclasses.replace(small_data, observations=None, footprint_m=1000.0), 1.0)


def page_of(fitted, folder):
    write(str(folder / "r.html"), *fitted, None)
    return " ".join((folder / "r.html").read_text(encoding="utf-8").split())


def test_the_page_shows_what_the_network_was_taught(fitted, fitted_by_pixels, tmp_path):
    pages = [page_of(one, tmp_path) for one in (fitted, fitted_by_pixels)]
    assert all("What the network was taught" in page for page in pages)
    # a reference as fine as the pixels has no footprints: it keeps a map of the parts
    assert ["A dot is the centre" in page for page in pages] == [True, False]


def test_the_error_is_said_to_be_of_the_network_before_the_refit(fitted, tmp_path, recorder):
    config, data, split, outcome, card = fitted
    page = page_of(fitted, tmp_path)
    assert "RMSE on the validation blocks, of the network before the refit" in page
    option = "To keep the validated weights instead, switch off Refit on the full data (REFIT)"
    assert option in page
    log(outcome, card, "blocks", Reporter(recorder))
    assert any("before the refit" in said and option in said for said in recorder.texts())
    # kept as it was validated, it is the network in the file
    kept = dataclasses.replace(outcome, refit=None)
    kept_card = card_of(JOB, config, data, split, kept, CPU)
    page = page_of((config, data, split, kept, kept_card), tmp_path)
    assert "before the refit" not in page
    assert "of the network in the file" in page
    assert option not in page


def test_the_best_fold_is_named_as_what_keeps_validated_weights(fitted, recorder):
    folded = dataclasses.replace(fitted[3], folds=(fitted[3], fitted[3]))
    log(folded, fitted[4], "blocks", Reporter(recorder))
    assert any("set Network kept of a cross-validation (KEEP)" in said for said in recorder.texts())


def test_errors_are_of_footprint_means_however_the_network_was_matched(
    fitted, fitted_by_pixels, tmp_path
):
    config, *rest = fitted
    by_pixels = dataclasses.replace(config, task=Regression(observes=False))
    pages = [page_of(one, tmp_path) for one in (fitted, (by_pixels, *rest), fitted_by_pixels)]
    means = "Errors of means over the reference's footprint"
    assert [means in page for page in pages] == [True, True, False]
    also = "though the network was matched pixel by pixel"
    assert [also in page for page in pages] == [False, True, False]
    assert all("Reference pixels" not in page for page in pages)
    count = fitted[3].scores["validation"].count
    assert f">{text(count)}<".replace("\u202f", " ") in pages[0]
    seen = fitted[1].scenes["scene"].observations
    assert count < len(seen)
    assert fitted[4].metrics["validation"]["reference_values"] == count


@pytest.mark.parametrize(("source", "said"), [("simulated", True), ("Sentinel-1", False)])
def test_of_a_simulated_scene_the_page_says_how_to_get_the_error_of_pixels(
    fitted, tmp_path, source, said
):
    config, data, *rest = fitted
    scene = dataclasses.replace(data.scenes["scene"], acquisition={"SEAICE_SOURCE": source})
    page = page_of((config, dataclasses.replace(data, scenes={"scene": scene}), *rest), tmp_path)
    assert ("with the true SIC as reference" in page) == said


def test_the_page_has_the_errors_of_both_parts_and_the_card(fitted, tmp_path):
    page = page_of(fitted, tmp_path)
    outcome = fitted[3]
    for part in ("training", "validation"):
        assert f"{outcome.scores[part].rmse_percent:.1f}" in page
    assert "HH: hh.tif" in page
    assert "no scene of open water was given" in page
    assert "refit on the full data" in page.lower()


@pytest.mark.parametrize(
    ("network", "linear", "warned"), [(9.0, 12.0, False), (12.5, 12.0, True), (12.0, 12.0, True)]
)
def test_a_baseline_that_is_not_beaten_is_named(fitted, network, linear, warned):
    baselines = {"network": network, "mean": 30.0, "linear": linear}
    outcome = dataclasses.replace(fitted[3], baselines=baselines)
    text = baseline_warning(outcome, "blocks")
    assert bool(text) == warned
    if warned:
        assert f"(RMSE {network:.1f} %) does not beat" in text
        assert "linear regression" in text
        assert "RMSE of 12.0 %" in text
