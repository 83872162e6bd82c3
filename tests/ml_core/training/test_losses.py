import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ml_core.datasets.sampler import Batch
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig, build
from ml_core.training.device import Device
from ml_core.training.fit import FitSettings, fit
from ml_core.training.losses import (
    cross_entropy,
    footprint_error,
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


FWHM_PER_SIGMA = 2.3548


def halves(shape=(1, 64, 64)):
    """Water beside ice, and their means over a footprint of 12 px as the reference."""
    truth = np.zeros(shape, np.float32)
    truth[..., 32:] = 1
    reference = gaussian_filter(truth, (0, 12 / FWHM_PER_SIGMA, 12 / FWHM_PER_SIGMA))
    return truth, reference


def footprint_mse(output, reference, valid, footprint_px):
    tensors = map(torch.from_numpy, (output[:, None], reference, valid))
    total, count = footprint_error(*tensors, footprint_px)
    return float(total) / float(count), float(count)


def test_footprint_error_is_that_of_weighted_means():
    rng = np.random.default_rng(0)
    output = rng.random((1, 24, 30)).astype(np.float32)
    reference = rng.random((1, 24, 30)).astype(np.float32)
    valid = gaussian_filter(rng.normal(size=(1, 24, 30)), (0, 4, 4)) > -0.02
    reference[~valid] = np.nan
    found, count = footprint_mse(output, reference, valid, 7.0)
    sigma, reach = 7.0 / FWHM_PER_SIGMA, 13
    steps = np.arange(-reach, reach + 1)
    kernel = np.exp(-(steps[:, None] ** 2 + steps**2) / (2 * sigma**2))
    squares, weights = [], []
    for row, col in zip(*np.nonzero(valid[0]), strict=True):
        inside = [
            (kernel[y + reach, x + reach], output[0, row + y, col + x])
            for y in steps
            for x in steps
            if 0 <= row + y < 24 and 0 <= col + x < 30 and valid[0, row + y, col + x]
        ]
        weight = sum(w for w, _ in inside)
        cover = weight / kernel.sum()
        if cover >= 0.5:
            mean = sum(w * value for w, value in inside) / weight
            squares.append((mean - reference[0, row, col]) ** 2)
            weights.append(cover**2)
    assert 0 < len(weights) < valid.sum()
    assert found == pytest.approx(np.average(squares, weights=weights), rel=4e-3)
    assert count == valid.sum()


def test_a_sharp_map_has_no_footprint_error_and_a_blurred_one_has():
    truth, reference = halves()
    valid = np.ones(truth.shape, bool)
    sharp, _ = footprint_mse(truth, reference, valid, 12.0)
    blurred, _ = footprint_mse(reference, reference, valid, 12.0)
    assert np.sqrt(sharp) < 0.02
    assert blurred > 10 * sharp


def test_means_of_large_footprints_are_taken_of_cells():
    # cells of 6 px for a footprint of 48: nearly what single pixels give
    truth = np.kron(np.random.default_rng(1).integers(0, 2, (1, 8, 8)), np.ones((1, 24, 24)))
    truth = truth.astype(np.float32)
    reference = gaussian_filter(truth, (0, 48 / FWHM_PER_SIGMA, 48 / FWHM_PER_SIGMA))
    valid = np.ones(truth.shape, bool)
    off, _ = footprint_mse(truth + np.float32(0), reference, valid, 48.0)
    assert np.sqrt(off) < 0.06  # of edges, where a part of the footprint is unknown
    none, _ = footprint_mse(np.full_like(truth, 0.5), np.full_like(truth, 0.25), valid, 48.0)
    assert none == pytest.approx(0.0625, rel=1e-4)


def test_sic_beyond_0_and_100_percent_does_not_balance():
    output = np.zeros((1, 32, 32), np.float32)
    output[0, ::2], output[0, 1::2] = 1.5, -0.5
    reference, valid = np.full_like(output, 0.5), np.ones(output.shape, bool)
    assert footprint_mse(output, reference, valid, 8.0)[0] > 0.2


def test_without_a_covered_footprint_there_is_nothing_to_count():
    valid = np.zeros((1, 32, 32), bool)
    valid[0, 3, 3] = True
    output = np.ones(valid.shape, np.float32)
    total, count = footprint_error(
        torch.from_numpy(output[:, None]),
        torch.zeros(valid.shape),
        torch.from_numpy(valid),
        12.0,
    )
    assert (float(total), float(count)) == (0, 0)


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


def test_squared_errors_are_weighted():
    rng = np.random.default_rng(4)
    output, label, weight = (rng.random((2, 5, 6)).astype(np.float32) for _ in range(3))
    valid = rng.random((2, 5, 6)) < 0.5
    tensors = map(torch.from_numpy, (output[:, None], label, valid))
    total, count = squared_error(*tensors, weight=torch.from_numpy(weight))
    expected = np.sum((weight * (output - label) ** 2)[valid])
    assert float(total) == pytest.approx(float(expected), rel=1e-5)
    assert int(count) == valid.sum()


def test_classes_are_weighted_beside_their_own_weights():
    scores = torch.tensor([[[[2.0, 0.5]], [[0.0, 1.0]]]])  # (1, 2, 1, 2)
    label, valid = torch.tensor([[[0.0, 1.0]]]), torch.ones(1, 1, 2, dtype=torch.bool)
    weight = torch.tensor([[[3.0, 0.25]]])
    of_classes = torch.tensor([1.0, 4.0])
    total, _ = cross_entropy(scores, label, valid, of_classes, weight=weight)
    expected = 3 * math.log(1 + math.exp(-2)) + 0.25 * 4 * math.log(1 + math.exp(-0.5))
    assert float(total) == pytest.approx(expected, rel=1e-5)


def weighted_footprint_error(weight, output, reference, footprint_px=12.0):
    valid = torch.ones(reference.shape, dtype=torch.bool)
    tensors = (torch.from_numpy(output[:, None]), torch.from_numpy(reference), valid)
    total, count = footprint_error(*tensors, footprint_px, weight=torch.from_numpy(weight))
    return float(total) / float(count)


def test_errors_of_footprint_means_are_weighted_by_place():
    reference = np.zeros((1, 64, 64), np.float32)
    output = reference.copy()
    output[..., :32] = 0.5  # wrong on the left
    left, right = (np.zeros_like(reference) for _ in range(2))
    left[..., :32] = right[..., 32:] = 2
    ones = np.ones_like(reference)
    plain = footprint_mse(output, reference, ones > 0, 12.0)[0]
    assert weighted_footprint_error(ones, output, reference) == pytest.approx(plain, rel=1e-6)
    on_left = weighted_footprint_error(left, output, reference)
    on_right = weighted_footprint_error(right, output, reference)
    assert on_left + on_right == pytest.approx(2 * plain, rel=1e-5)
    assert on_right < 0.03 * on_left  # what footprints on the right see of the left


def test_weights_lead_a_fit_to_the_certain_labels():
    """One number is fitted to two labels: it becomes their weighted mean."""
    rng = np.random.default_rng(0)

    def draw(number, _rng):
        pixels = np.ones((number, 16, 16, 2), np.float32)
        left = np.broadcast_to(np.arange(16) < 8, (number, 16, 16))
        label = np.where(left, np.float32(0), np.float32(1))
        weight = np.where(left, np.float32(1.6), np.float32(0.4))
        return Batch(pixels, label, rng.random(label.shape) < 2, weight)

    network = torch.nn.Conv2d(2, 1, 1)
    settings = FitSettings(20, 40, 4, 0.05)
    fit(network, draw, squared_error, settings, Device("cpu", False), Reporter(lambda event: None))
    assert network(torch.ones(1, 2, 1, 1)).item() == pytest.approx(0.2, abs=0.01)
