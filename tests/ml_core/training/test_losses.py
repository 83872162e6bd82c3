import math

import numpy as np
import pytest
import torch

from ml_core.events import Reporter
from ml_core.networks import NetworkConfig, build
from ml_core.training.chips import Batch
from ml_core.training.device import Device
from ml_core.training.fit import FitSettings, fit
from ml_core.training.losses import (
    cross_entropy,
    l1_term,
    l2_term,
    penalised,
    squared_error,
    zero_share,
)


def test_squared_error_counts_valid_pixels_only():
    rng = np.random.default_rng(0)
    output = rng.normal(size=(2, 1, 5, 6)).astype(np.float32)
    label = rng.random((2, 5, 6)).astype(np.float32)
    valid = rng.random((2, 5, 6)) < 0.5
    label[~valid] = np.nan
    total, count = squared_error(*map(torch.from_numpy, (output, label, valid)))
    expected = ((output[:, 0] - label)[valid] ** 2).sum()
    assert float(total) == pytest.approx(float(expected), rel=1e-5)
    assert int(count) == valid.sum()


def test_gradient_is_zero_where_the_label_is_not_valid():
    output = torch.zeros(1, 1, 4, 4, requires_grad=True)
    label = torch.full((1, 4, 4), math.nan)
    label[0, 1, 2] = 0.5
    total, count = squared_error(output, label, torch.isfinite(label))
    (total / count).backward()
    expected = torch.zeros(1, 1, 4, 4)
    expected[0, 0, 1, 2] = -1.0
    assert torch.equal(output.grad, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_that_of_the_formula(weighted):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 3, 4, 4))
    label = rng.integers(0, 3, (2, 4, 4))
    valid = rng.random((2, 4, 4)) < 0.7
    weights = np.array([1.0, 2.0, 0.5]) if weighted else np.ones(3)
    total, count = cross_entropy(
        torch.tensor(scores),
        torch.tensor(np.where(valid, label, 0), dtype=torch.float32),
        torch.tensor(valid),
        torch.tensor(weights, dtype=torch.float32) if weighted else None,
    )
    probability = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    picked = np.take_along_axis(probability, label[:, None], 1)[:, 0]
    weight = weights[label] * valid
    assert float(total) == pytest.approx(-(np.log(picked) * weight).sum(), rel=1e-5)
    assert float(count) == pytest.approx(weight.sum(), rel=1e-6)


def test_penalties_equal_their_formulas_and_leave_out_biases_and_batch_norm():
    network = build(NetworkConfig(filters=3, depth=2))
    weights = [
        value.double().numpy()
        for name, value in network.state_dict().items()
        if name.endswith("weight") and value.ndim == 4
    ]
    assert len(weights) == len(list(penalised(network)))
    assert l2_term(network).item() == pytest.approx(sum((w**2).sum() for w in weights), rel=1e-6)
    assert l1_term(network).item() == pytest.approx(sum(abs(w).sum() for w in weights), rel=1e-6)


def test_weights_at_zero_are_counted_without_biases_and_norms():
    state = {
        "conv.weight": np.array([0.0, 9e-4, -9e-4, 2e-3, -1.0, 1.0]).reshape(3, 2, 1, 1),
        "conv.bias": np.zeros(3),
        "norm.running_mean": np.zeros(3),
    }
    assert zero_share(state) == 0.5
    assert zero_share({"conv.bias": np.zeros(3)}) is None


def test_l1_drives_weights_to_zero_and_l2_does_not():
    def share(**penalty):
        torch.manual_seed(0)
        network = build(NetworkConfig.of("same_resolution_cnn", depth=2, filters=4))
        rng = np.random.default_rng(0)

        def draw(number, _rng):
            pixels = rng.normal(size=(number, 16, 16, 2)).astype(np.float32)
            return Batch(pixels, pixels[..., 0] * 0.1, np.ones((number, 16, 16), bool))

        settings = FitSettings(10, 40, 4, 1e-2, **penalty)
        silent = Reporter(lambda event: None)
        done = fit(network, draw, squared_error, settings, Device("cpu", False), silent)
        return zero_share(done.state)

    by_l1, by_l2 = share(l1=0.1), share(l2=0.1)
    assert by_l1 > 0.5
    assert by_l2 < by_l1 / 2
