import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ml_core.datasets.batch import Batch
from ml_core.datasets.observed_chips import ObservedChips
from ml_core.datasets.polygon_chips import PolygonChips
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig, build
from ml_core.observation.support import FWHM_PER_SIGMA
from ml_core.training.device import Device
from ml_core.training.fit import FitSettings, fit
from ml_core.training.losses import (
    Targets,
    cross_entropy,
    l1_term,
    l2_term,
    observed_classes,
    observed_error,
    penalised,
    squared_error,
    zero_share,
)
from ml_core.training.polygon_memory import PolygonMemory


def labelled(label, valid, weight=None):
    """The targets of chips that are compared pixel by pixel."""
    batch = Batch(label, valid, label, valid, weight)
    return Targets.of(batch, 1, torch.from_numpy)


def test_squared_error_counts_valid_pixels_only():
    rng = np.random.default_rng(0)
    output = rng.normal(size=(2, 1, 5, 6)).astype(np.float32)
    label = rng.random((2, 5, 6)).astype(np.float32)
    valid = rng.random((2, 5, 6)) < 0.5
    label[~valid] = np.nan
    total, count = squared_error(torch.from_numpy(output), labelled(label, valid))
    expected = ((output[:, 0] - label)[valid] ** 2).sum()
    assert float(total) == pytest.approx(float(expected), rel=1e-5)
    assert int(count) == valid.sum()


def test_gradient_is_zero_where_the_label_is_not_valid():
    output = torch.zeros(1, 1, 4, 4, requires_grad=True)
    label = np.full((1, 4, 4), np.nan, np.float32)
    label[0, 1, 2] = 0.5
    total, count = squared_error(output, labelled(label, np.isfinite(label)))
    (total / count).backward()
    expected = torch.zeros(1, 1, 4, 4)
    expected[0, 0, 1, 2] = -1.0
    assert torch.equal(output.grad, expected)


FOOTPRINT_PX = 12.0


def halves(side=96):
    """Water beside ice, and their means over a footprint of 12 px."""
    truth = np.zeros((side, side), np.float32)
    truth[:, side // 2 :] = 1
    return truth, gaussian_filter(truth, FOOTPRINT_PX / FWHM_PER_SIGMA)


def observed(sic, reference, *, visible=None, weight=None, step=4, half_width=0.0, cell_px=1):
    """The error of one chip's map, its reference given at every n-th pixel's centre."""
    side = len(sic)
    at = np.arange(step // 2, side, step)
    rows, cols = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    value = reference[rows, cols]
    weighed = np.ones_like(value) if weight is None else weight[rows, cols]
    seen = ObservedChips(
        *(
            np.float32(array)[None]
            for array in (rows + 0.5, cols + 0.5, value - half_width, value + half_width, weighed)
        ),
        np.float32([FOOTPRINT_PX]),
    )
    shown = np.ones(sic.shape, bool) if visible is None else visible
    none = np.zeros((1, *sic.shape), np.float32)
    batch = Batch(none, shown[None], none, none > 0, None, seen)
    targets = Targets.of(batch, cell_px, torch.from_numpy)
    return observed_error(torch.as_tensor(sic)[None], targets)


def rms(found):
    total, number = found
    return math.sqrt(float(total) / float(number))


def test_observed_error_is_that_of_weighted_means_outside_what_they_may_be():
    rng = np.random.default_rng(0)
    sic = gaussian_filter(rng.random((40, 40)), 3).astype(np.float32)
    reference = rng.random((40, 40)).astype(np.float32)
    visible = gaussian_filter(rng.normal(size=(40, 40)), 6) > -0.03
    total, number = observed(sic, reference, visible=visible, step=5)
    sigma = FOOTPRINT_PX / FWHM_PER_SIGMA
    y, x = np.indices(sic.shape)
    squares, weights = [], []
    for row in range(2, 40, 5):
        for col in range(2, 40, 5):
            kernel = np.exp(-((y - row) ** 2 + (x - col) ** 2) / (2 * sigma**2))
            cover = kernel[visible].sum() / (2 * math.pi * sigma**2)
            if cover < 0.5:
                continue
            mean = np.average(sic[visible], weights=kernel[visible])
            # what is not seen may differ by 25 %
            value = reference[row, col]
            low = (value - (1 - cover) * min(1, value + 0.25)) / cover
            high = (value - (1 - cover) * max(0, value - 0.25)) / cover
            squares.append(max(0, low - mean, mean - high) ** 2)
            weights.append(cover)
    assert 5 < len(weights) < 64
    assert float(number) == pytest.approx(sum(weights), rel=2e-3)
    assert float(total) == pytest.approx(np.dot(weights, squares), rel=1e-2)


@pytest.mark.parametrize("cell_px", [1, 3])
def test_a_sharp_map_has_no_error_even_at_the_chips_edge_and_a_blurred_one_has(cell_px):
    truth, reference = halves()
    assert rms(observed(truth, reference, cell_px=cell_px)) < 0.01
    assert rms(observed(reference, reference, cell_px=cell_px)) > 0.02


def test_ground_without_a_label_belongs_to_the_mean():
    truth, reference = halves()
    weight = np.ones_like(reference)
    weight[:, 52:] = 0  # the ice is seen, but no reference value lies there
    assert rms(observed(truth, reference, weight=weight)) < 0.01
    hidden = np.ones(truth.shape, bool)
    hidden[:, 48:] = False
    off = truth.copy()
    off[:, 48:] = 0  # as if the ice were water
    as_water = rms(observed(off, reference, weight=weight))
    assert as_water > 0.05
    # what is hidden may hold more ice than the whole
    assert rms(observed(off, reference, weight=weight, visible=hidden)) < 0.6 * as_water


def test_sic_beyond_0_and_100_percent_does_not_balance():
    output = np.zeros((96, 96), np.float32)
    output[::2], output[1::2] = 1.5, -0.5
    assert rms(observed(output, np.full_like(output, 0.5))) > 0.4


def test_a_map_that_is_all_below_0_still_learns_that_there_is_ice():
    sic = torch.full((96, 96), -0.1, requires_grad=True)
    total, number = observed(sic, np.full((96, 96), 0.5, np.float32))
    (total / number).backward()
    pull = 2 * -0.1 / 96**2  # of the penalty alone, towards 0
    assert float(sic.grad[48, 48]) < 3 * pull
    over = torch.full((96, 96), 1.1, requires_grad=True)
    total, number = observed(over, np.ones((96, 96), np.float32))
    (total / number).backward()
    assert float(over.grad[48, 48]) == pytest.approx(-pull, rel=1e-3)  # its mean is right


def test_within_an_interval_there_is_no_error():
    sic = np.full((96, 96), 0.45, np.float32)
    reference = np.full_like(sic, 0.5)
    assert rms(observed(sic, reference, half_width=0.06)) == 0
    middle = np.zeros_like(sic)
    middle[40:56, 40:56] = 1  # where footprints are seen whole
    found = observed(sic, reference, half_width=0.02, weight=middle)
    assert rms(found) == pytest.approx(0.03, rel=0.02)


def test_without_a_covered_footprint_there_is_nothing_to_count():
    visible = np.zeros((96, 96), bool)
    visible[3, 3] = True
    total, number = observed(np.ones((96, 96), np.float32), halves()[0], visible=visible)
    assert (float(total), float(number)) == (0, 0)


def test_errors_of_footprint_means_are_weighted():
    reference = np.zeros((96, 96), np.float32)
    output = reference.copy()
    output[:, :48] = 0.5  # wrong on the left
    left, right = (np.zeros_like(reference) for _ in range(2))
    left[:, :48] = right[:, 48:] = 2
    plain, on_left, on_right = (
        float(observed(output, reference, weight=weight)[0])
        for weight in (np.ones_like(reference), left, right)
    )
    assert on_left + on_right == pytest.approx(2 * plain, rel=1e-5)
    assert on_right < 0.1 * on_left  # what footprints on the right see of the left


def test_classes_are_compared_by_their_expected_sic():
    """Scores of water and ice that stand for 0 and 100 % are a map like any other."""
    truth, reference = halves()
    sic = 0.2 + 0.6 * truth
    at = np.float32([[24.5, 48.5, 70.5]])
    value = np.float32([reference[24, [24, 48, 70]]])
    seen = ObservedChips(at * 0 + 48.5, at, value, value, at * 0 + 1, np.float32([FOOTPRINT_PX]))
    none = np.zeros((1, *truth.shape), np.float32)
    batch = Batch(none, none == 0, none, none > 0, None, seen)
    targets = Targets.of(batch, 1, torch.from_numpy)
    # softmax does not see what is added to all classes
    scores = np.log(np.stack([1 - sic, sic])) + np.random.default_rng(0).normal(size=truth.shape)
    found = observed_classes(torch.from_numpy(scores)[None], targets, (0.0, 1.0))
    expected = observed_error(torch.from_numpy(sic)[None], targets)
    assert float(expected[0]) > 0.01
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_that_of_the_formula(weighted):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 3, 4, 4))
    label = rng.integers(0, 3, (2, 4, 4))
    valid = rng.random((2, 4, 4)) < 0.7
    weights = np.array([1.0, 2.0, 0.5]) if weighted else np.ones(3)
    total, count = cross_entropy(
        torch.tensor(scores),
        labelled(np.where(valid, label, 0).astype(np.float32), valid),
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
            every = np.ones((number, 16, 16), bool)
            return Batch(pixels, every, pixels[..., 0] * 0.1, every)

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
    total, count = squared_error(torch.from_numpy(output[:, None]), labelled(label, valid, weight))
    expected = np.sum((weight * (output - label) ** 2)[valid])
    assert float(total) == pytest.approx(float(expected), rel=1e-5)
    assert int(count) == valid.sum()


def test_classes_are_weighted_beside_their_own_weights():
    scores = torch.tensor([[[[2.0, 0.5]], [[0.0, 1.0]]]])  # (1, 2, 1, 2)
    label, weight = np.float32([[[0, 1]]]), np.float32([[[3, 0.25]]])
    of_classes = torch.tensor([1.0, 4.0])
    total, _ = cross_entropy(scores, labelled(label, label >= 0, weight), of_classes)
    expected = 3 * math.log(1 + math.exp(-2)) + 0.25 * 4 * math.log(1 + math.exp(-0.5))
    assert float(total) == pytest.approx(expected, rel=1e-5)


def test_weights_lead_a_fit_to_the_certain_labels():
    """One number is fitted to two labels: it becomes their weighted mean."""

    def draw(number, _rng):
        pixels = np.ones((number, 16, 16, 2), np.float32)
        left = np.broadcast_to(np.arange(16) < 8, (number, 16, 16))
        label = np.where(left, np.float32(0), np.float32(1))
        weight = np.where(left, np.float32(1.6), np.float32(0.4))
        every = np.ones(label.shape, bool)
        return Batch(pixels, every, label, every, weight)

    network = torch.nn.Conv2d(2, 1, 1)
    settings = FitSettings(20, 40, 4, 0.05)
    fit(network, draw, squared_error, settings, Device("cpu", False), Reporter(lambda event: None))
    assert network(torch.ones(1, 2, 1, 1)).item() == pytest.approx(0.2, abs=0.01)


def charted(pixels, low, high, *, area=None, number=None, total=None, weight=1.0, visible=None):
    """The targets of chips (B, S, S) whose pixels are of polygons 1 to P, or of none."""
    pixels = np.asarray(pixels, np.int32)
    seen = np.bincount(pixels.ravel(), minlength=len(low) + 1)[1:].astype(np.float32)
    chips = PolygonChips(
        pixels,
        np.arange(len(low)) if number is None else np.array(number),
        np.float32(low),
        np.float32(high),
        seen,
        seen if area is None else np.float32(area),
        total or len(low),
        weight,
    )
    visible = np.ones(pixels.shape, bool) if visible is None else visible
    batch = Batch(None, visible, np.zeros(pixels.shape, np.float32), visible, polygons=chips)
    return Targets.of(batch, 1, torch.from_numpy)


def test_means_over_polygons_err_by_how_far_they_lie_outside_of_the_interval():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 5, (3, 9, 9))
    sic = rng.random((3, 9, 9)).astype(np.float32)
    low, high = np.array([0.0, 0.3, 0.9, 0.45]), np.array([0.1, 0.4, 1.0, 0.55])
    targets = charted(pixels, low, high, weight=0.5)
    total, number = observed_error(torch.from_numpy(sic), targets)
    expected, weights = 0.0, 0.0
    for k in range(4):
        inside = pixels == k + 1
        mean = sic[inside].mean(dtype=np.float64)
        error = max(low[k] - mean, 0) + max(mean - high[k], 0)
        expected += 0.5 * inside.sum() * error**2
        weights += 0.5 * inside.sum()
    assert float(number) == pytest.approx(weights)
    assert float(total) == pytest.approx(expected, rel=1e-4)
    assert expected > 0


def test_inside_the_interval_nothing_is_asked_of_a_map():
    sic = torch.full((1, 8, 8), 0.97, requires_grad=True)
    total, _ = observed_error(sic, charted(np.ones((1, 8, 8)), [0.9], [1.0]))
    total.backward()
    assert float(total.detach()) == 0
    assert not sic.grad.any()


def test_sic_beyond_the_bounds_does_not_balance_in_a_polygon():
    sic = torch.zeros(1, 8, 8)
    sic[:, :4], sic[:, 4:] = 2.0, -1.0
    total, number = observed_error(sic, charted(np.ones((1, 8, 8)), [0.5], [0.5]))
    # the mean of 1 and 0, and a penalty for what is 1 too much or too little
    assert float(total / number) == pytest.approx(1.0)


def test_a_part_of_a_polygon_moves_as_if_it_were_the_whole():
    """Of a polygon of half water, half ice, no part is asked to be half."""
    memory, gradients = PolygonMemory(), []
    for step in range(60):
        sic = torch.full((1, 8, 8), float(step % 2), requires_grad=True)
        targets = charted(np.ones((1, 8, 8)), [0.45], [0.55], area=[6400.0])
        total, number = observed_error(sic, targets, memory)
        (total / number).backward()
        gradients.append(float(sic.grad.sum()))
    # seen alone, water would be asked for 0.9 and ice for as much less
    assert np.abs(gradients[-10:]).max() < 0.1
    sic = torch.ones(1, 8, 8, requires_grad=True)
    alone, number = observed_error(sic, targets)
    (alone / number).backward()
    assert float(sic.grad.sum()) == pytest.approx(2 * 0.45, rel=1e-4)


def test_all_of_a_large_polygon_that_is_wrong_moves_as_much_as_a_small_one():
    memory = PolygonMemory()
    for _ in range(40):
        sic = torch.full((1, 8, 8), 0.2, requires_grad=True)
        targets = charted(np.ones((1, 8, 8)), [0.75], [0.85], area=[6400.0])
        total, number = observed_error(sic, targets, memory)
        (total / number).backward()
        assert float(sic.grad.sum()) == pytest.approx(-2 * 0.55, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_polygons_and_footprints_are_compared_in_one_batch(seed):
    """Chips of both kinds: the errors of each add up, whatever lies beside them."""
    rng = np.random.default_rng(seed)
    sic = rng.random((4, 24, 24)).astype(np.float32)
    place = rng.uniform(6, 18, (2, 2, 3)).astype(np.float32)
    value = rng.random((2, 3)).astype(np.float32)
    seen = ObservedChips(
        *place, value, value, np.ones_like(value), np.float32([FOOTPRINT_PX, FOOTPRINT_PX])
    )
    pixels = np.zeros((4, 24, 24), np.int32)
    pixels[2:] = rng.integers(1, 4, (2, 24, 24))
    polygons = charted(pixels, [0.0, 0.2, 0.9], [0.1, 0.3, 1.0], weight=0.01).polygons
    every = np.ones(sic.shape, bool)

    def error(first, last, observed, polygons=None):
        own = slice(first, last)
        batch = Batch(None, every[own], sic[own], every[own], observed=observed)
        targets = replace(Targets.of(batch, 1, torch.from_numpy), polygons=polygons)
        return [float(each) for each in observed_error(torch.from_numpy(sic[own]), targets)]

    both = error(0, 4, ObservedChips.joined([seen, 2]), polygons)
    of_polygons = replace(polygons, pixels=polygons.pixels[2:])
    apart = error(0, 2, seen), error(2, 4, None, of_polygons)
    assert both == pytest.approx(np.sum(apart, axis=0), rel=1e-4)
