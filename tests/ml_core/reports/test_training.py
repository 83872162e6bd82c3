import dataclasses

import pytest

from ml_core.datasets.training_data import TrainingData
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.networks import NetworkConfig
from ml_core.reports.training import baseline_warning, write
from ml_core.training import experiment
from ml_core.training.card import card_of
from ml_core.training.config import TrainingConfig
from ml_core.training.device import Device
from ml_core.training.fit import FitSettings

CPU = Device("cpu", low_precision=False)
JOB = TrainJob(training_set="set", model="net", report="r.html")


@pytest.fixture(scope="module")
def fitted(small_data):
    data = TrainingData("HH and HV", {"scene": small_data}, {"inputs": {"HH": "hh.tif"}})
    config = dataclasses.replace(
        TrainingConfig.from_job(JOB, ("HH", "HV")),
        network=NetworkConfig.of("same_resolution_cnn", filters=2, depth=1),
        fit=FitSettings(epochs=2, chips_per_epoch=8, batch_size=4, learning_rate=0.02),
        chip_px=24,
    )
    split = data.split(1, 0.2)
    report = Reporter(lambda event: None)
    outcome = experiment.run(data.scenes, config, split.fits[0], CPU, report, split.full)
    return config, data, split, outcome, card_of(JOB, config, data, split, outcome, CPU)


def test_the_page_has_the_errors_of_both_parts_and_the_card(fitted, tmp_path):
    write(str(tmp_path / "r.html"), *fitted, None)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    outcome = fitted[3]
    for part in ("training", "validation"):
        assert f"{outcome.scores[part].rmse_percent:.1f}" in page
    assert "HH: hh.tif" in page
    assert "no scene of open water was given" in page.replace("\n", " ")
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
