"""Experiments, folds and ensembles on a small scene, scored again on the whole scene at once."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ml_core import networks
from ml_core.datasets.training_data import TrainingData
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.networks import NetworkConfig
from ml_core.training import experiment
from ml_core.training.card import card_of
from ml_core.training.config import TrainingConfig
from ml_core.training.crossvalidation import cross_validate
from ml_core.training.device import Device
from ml_core.training.ensemble import fit_ensemble, joined
from ml_core.training.fit import FitSettings
from tests.builders.jobs import Events

CPU = Device("cpu", low_precision=False)
SILENT = Reporter(lambda event: None)
NETWORK = NetworkConfig.of("same_resolution_cnn", filters=4, depth=1, out_channels=2)


def config_of(**fit):
    job = TrainJob(training_set="set", model="net", report="r.html")
    config = TrainingConfig.from_job(job, ("HH", "HV"), footprint_px=8.0)
    settings = {"epochs": 4, "chips_per_epoch": 16, "batch_size": 4, "learning_rate": 0.03, **fit}
    return dataclasses.replace(config, network=NETWORK, fit=FitSettings(**settings), chip_px=24)


@pytest.fixture(scope="module")
def data(small_data):
    return TrainingData("HH and HV", {"scene": small_data}, {"inputs": {"HH": "hh.tif"}})


@pytest.fixture(scope="module")
def outcome(data):
    split = data.split(1, 0.2)
    return experiment.run(data.scenes, config_of(), split.fits[0], CPU, SILENT, split.full)


def whole_scene(network, normalisation, data):
    """SIC in percent (H, W) of a scene taken through a network at once."""
    array = next(iter(data.scenes.values())).array
    pixels = (array[..., :2] - np.float32(normalisation.mean)) / np.float32(normalisation.std)
    with torch.inference_mode():
        output = network.eval()(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0]
    return np.clip(100 * output[0].numpy(), 0, 100)


def judged(data, inside):
    """Pixels whose footprint of 8 px lies in the scene by 95 %."""
    sic = next(iter(data.scenes.values())).array[..., -1]
    assert np.isfinite(sic).all()
    cover = gaussian_filter(np.ones(sic.shape), 8 / 2.3548, mode="constant", truncate=6)
    return inside & (cover >= 0.95)


def rmse(predicted, data, inside):
    """Of the map's means over the footprint around each pixel."""
    sic = next(iter(data.scenes.values())).array[..., -1]
    sums, cover = (
        gaussian_filter(field, 8 / 2.3548, mode="constant", truncate=6)
        for field in (predicted.astype(float), np.ones(sic.shape))
    )
    return np.sqrt(np.mean((sums / cover - sic)[judged(data, inside)] ** 2))


def test_the_errors_are_those_of_the_network_on_each_part(data, outcome):
    scene = data.scenes["scene"]
    split = outcome.splits["scene"]
    network = networks.restore(NETWORK, outcome.first.result.state)
    predicted = whole_scene(network, outcome.first.normalisation, data)
    for part, inside in (("training", split.training), ("validation", split.validation)):
        expected = rmse(predicted, data, inside(scene.grid.window))
        assert outcome.scores[part].rmse_percent == pytest.approx(expected, rel=0.01)
    assert outcome.rmse_percent == outcome.scores["validation"].rmse_percent


def test_the_normalisation_is_that_of_the_pixels_seen(data, outcome):
    scene = data.scenes["scene"]
    seen = outcome.splits["scene"].training(scene.grid.window)
    pixels = scene.array[seen & np.isfinite(scene.array[..., -1])][:, :2].astype(float)
    np.testing.assert_allclose(outcome.first.normalisation.mean, pixels.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(outcome.first.normalisation.std, pixels.std(axis=0), rtol=1e-4)


def test_the_refit_lasts_as_long_as_the_best_epoch_and_is_kept(outcome):
    assert outcome.kept is outcome.refit
    assert len(outcome.refit.result.epochs) == outcome.first.result.best_epoch
    assert all(epoch.validation is None for epoch in outcome.refit.result.epochs)


def test_without_validation_no_error_is_claimed(data):
    split = data.split(1, 0)
    outcome = experiment.run(data.scenes, config_of(epochs=1), split.fits[0], CPU, SILENT)
    assert outcome.scores["validation"] is None
    assert outcome.rmse_percent == np.inf
    assert outcome.kept is outcome.first


def test_the_card_holds_what_was_fitted(data, outcome):
    split = data.split(1, 0.2)
    job = TrainJob(training_set="set", model="net", report="r.html", epochs=4)
    card = card_of(job, config_of(), data, split, outcome, CPU)
    assert card.channels == ("HH", "HV")
    assert card.network["architecture"] == "same_resolution_cnn"
    assert card.metrics["validation"]["rmse_percent"] == outcome.rmse_percent
    assert card.training["steps"] == 4 * outcome.kept.result.best_epoch
    assert card.training["fitted_again_on_everything"]
    assert card.training["parameters"]["epochs"] == 4
    assert not {"model", "report"} & set(card.training["parameters"])
    curve = [1e4 * epoch.training for epoch in outcome.first.result.epochs]
    assert card.curves["first"]["training"] == pytest.approx(curve)  # fractions in percent squared


@pytest.fixture(scope="module")
def folds(data):
    recorder = Events()
    split = data.split(1, 0, folds=3)
    report = Reporter(recorder)
    return cross_validate(data.scenes, config_of(), split, CPU, report, refit=True), recorder


def test_every_pixel_is_compared_with_a_network_that_did_not_see_it(data, folds):
    outcome, recorder = folds
    scene = data.scenes["scene"]
    squares, count = 0.0, 0
    for fold in outcome.folds:
        network = networks.restore(NETWORK, fold.first.result.state)
        predicted = whole_scene(network, fold.first.normalisation, data)
        inside = fold.splits["scene"].validation(scene.grid.window)
        number = int(judged(data, inside).sum())
        squares += number * rmse(predicted, data, inside) ** 2
        count += number
    assert outcome.scores["validation"].count == pytest.approx(count, rel=0.02)
    assert outcome.rmse_percent == pytest.approx(np.sqrt(squares / count), rel=1e-3)
    assert [text.split(":")[0] for text in recorder.texts("info")] == [
        f"Fold {number} of 3" for number in (1, 2, 3)
    ]


def test_the_refit_of_folds_lasts_the_median_of_their_best_epochs(folds):
    outcome, _ = folds
    best = sorted(fold.first.result.best_epoch for fold in outcome.folds)
    assert len(outcome.refit.result.epochs) == best[1]


def test_an_ensemble_is_scored_by_the_mean_of_its_members(data, outcome):
    config = config_of()
    together, members = fit_ensemble(data.scenes, config, outcome, 3, None, CPU, SILENT)
    assert members[0] is outcome
    first_weights = [next(iter(member.first.result.state.values())).ravel() for member in members]
    assert not np.array_equal(first_weights[0], first_weights[1])
    scene = data.scenes["scene"]
    inside = outcome.splits["scene"].validation(scene.grid.window)
    predicted = [
        whole_scene(
            networks.restore(NETWORK, member.first.result.state), outcome.first.normalisation, data
        )
        for member in members
    ]
    expected = rmse(np.mean(predicted, axis=0), data, inside)
    assert together.rmse_percent == pytest.approx(expected, rel=0.01)
    # the members' outputs come as channels
    x = torch.randn(1, 2, 8, 8)
    network = joined(config, members, CPU)
    with torch.inference_mode():
        output = network(x)[0].numpy()
        alone = [networks.restore(NETWORK, m.first.result.state)(x)[0].numpy() for m in members]
    np.testing.assert_allclose(output, np.concatenate(alone), atol=1e-6)
