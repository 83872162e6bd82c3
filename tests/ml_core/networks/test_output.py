import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml_core.networks.classes import SicClasses
from ml_core.networks.output import probabilities, sic_of_each, sic_percent

CLASSES = SicClasses.between((15, 80))


@given(st.integers(0, 99))
def test_a_fraction_becomes_percent_within_bounds_and_in_steps_of_a_32nd(seed):
    rng = np.random.default_rng(seed)
    output = rng.uniform(-0.3, 1.3, (1, 70, 40)).astype(np.float32)
    valid = rng.random((70, 40)) < 0.8
    found = sic_percent(output.copy(), valid)
    assert np.isnan(found[~valid]).all()
    expected = np.clip(output[0].astype(float) * 100, 0, 100)
    assert np.abs(found - expected)[valid].max() <= 1 / 64 + 1e-4
    assert (found[valid] * 32 == np.round(found[valid] * 32)).all()


def test_scores_become_the_mean_of_the_classes_values_by_their_probability():
    scores = np.random.default_rng(1).normal(0, 3, (3, 20, 30)).astype(np.float32)
    shares = torch.softmax(torch.from_numpy(scores), dim=0).numpy()
    np.testing.assert_allclose(probabilities(scores), shares, rtol=1e-5)
    expected = 7.5 * shares[0] + 47.5 * shares[1] + 90 * shares[2]
    found = sic_percent(scores, np.ones((20, 30), bool), CLASSES)
    np.testing.assert_allclose(found, expected, atol=1 / 60)


def test_large_scores_overflow_nothing():
    scores = np.array([1000.0, 0, -1000], np.float32).reshape(3, 1, 1)
    np.testing.assert_array_equal(probabilities(scores).ravel(), [1, 0, 0])


def test_several_networks_give_a_sic_each():
    outputs = np.random.default_rng(2).random((3, 1, 8, 9)).astype(np.float32)
    valid = np.ones((8, 9), bool)
    found = sic_of_each(outputs.reshape(3, 8, 9).copy(), valid, 3)
    np.testing.assert_allclose(found, 100 * outputs[:, 0], atol=1 / 60)
    scores = np.random.default_rng(3).normal(size=(6, 8, 9)).astype(np.float32)
    found = sic_of_each(scores, valid, 2, CLASSES)
    shares = torch.softmax(torch.from_numpy(scores).reshape(2, 3, 8, 9), dim=1).numpy()
    expected = np.tensordot([7.5, 47.5, 90.0], shares, axes=(0, 1))
    np.testing.assert_allclose(found, expected, atol=1 / 60)
