import math

import numpy as np
import pytest
import torch

from ml_core.networks import NetworkConfig, build
from ml_core.training.losses import cross_entropy, l1_term, l2_term, penalised, squared_error


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
