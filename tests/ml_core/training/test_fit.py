import numpy as np
import pytest
import torch

from ml_core.datasets.batch import Batch
from ml_core.errors import CancelledError, SeaIceError
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig, build
from ml_core.training.device import Device, choose, seeded
from ml_core.training.fit import FitSettings, fit
from ml_core.training.losses import Targets, l1_term, l2_term, squared_error

CPU = Device("cpu", low_precision=False)
SILENT = Reporter(lambda event: None)
TINY = NetworkConfig(filters=2, depth=1, dropout=0.2)


def draw(number, rng):
    """Chips whose SIC is a smooth function of HH."""
    pixels = rng.normal(size=(number, 8, 8, 2)).astype(np.float32)
    every = np.ones((number, 8, 8), bool)
    return Batch(pixels, every, 0.5 + 0.3 * np.tanh(pixels[..., 0]), every)


def settings(**more):
    values = {"epochs": 3, "chips_per_epoch": 10, "batch_size": 4, "learning_rate": 0.02}
    return FitSettings(**{**values, **more})


def fitted(device=CPU, **more):
    plan = settings(**more)
    with seeded(plan.seed, device):
        return fit(build(TINY), draw, squared_error, plan, device, SILENT)


def test_the_network_learns():
    result = fitted(epochs=20, chips_per_epoch=40)
    losses = [epoch.training for epoch in result.epochs]
    assert losses[-1] < 0.2 * losses[0]
    assert result.chips == 20 * 40
    assert result.best_epoch == 20


@pytest.mark.parametrize("device", [CPU, choose("cpu")])
def test_the_same_seed_gives_the_same_weights(device):
    first, second, other = fitted(device), fitted(device), fitted(device, seed=2)
    for name, value in first.state.items():
        assert np.array_equal(value, second.state[name]), name
    assert any(not np.array_equal(v, other.state[n]) for n, v in first.state.items())


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fitted()
    assert torch.equal(torch.rand(3), expected)


def one_step(**penalty):
    """The weights after a step by the fit, and by a loss that holds the penalty's formula."""
    plan = settings(epochs=1, chips_per_epoch=4, **penalty)
    config = NetworkConfig(filters=2, depth=1, dropout=0.0)
    with seeded(1, CPU):
        network = build(config)
        found = fit(network, draw, squared_error, plan, CPU, SILENT)
    with seeded(1, CPU):
        oracle = build(config)
    batch = draw(4, np.random.default_rng(1))
    optimiser = torch.optim.Adam(oracle.parameters(), lr=found.epochs[0].learning_rate, eps=1e-4)
    output = oracle(torch.from_numpy(batch.pixels).permute(0, 3, 1, 2))
    total, count = squared_error(output, Targets.of(batch, 1, torch.from_numpy))
    loss = total / count + plan.l2 * l2_term(oracle) + plan.l1 * l1_term(oracle)
    loss.backward()
    optimiser.step()
    return found, oracle


@pytest.mark.parametrize("penalty", [{}, {"l2": 0.1}, {"l1": 0.1}, {"l2": 0.02, "l1": 0.05}])
def test_a_step_is_that_of_the_loss_with_its_penalties(penalty):
    found, oracle = one_step(**penalty)
    for name, value in oracle.named_parameters():
        # a bias before batch norm has no gradient but rounding, whose sign Adam makes a step of
        if name.endswith("bias") and "norm" not in name and name != "layers.output.bias":
            continue
        assert np.allclose(found.state[name], value.detach().numpy(), atol=2e-5), name


def test_penalties_are_reported_apart_from_the_data_loss():
    plan = settings(epochs=1, l2=0.5, l1=0.25)
    with seeded(1, CPU):
        network = build(TINY)
        epoch = fit(network, draw, squared_error, plan, CPU, SILENT).epochs[0]
    assert epoch.l2 == pytest.approx(0.5 * l2_term(network).item(), rel=1e-6)
    assert epoch.l1 == pytest.approx(0.25 * l1_term(network).item(), rel=1e-6)
    assert epoch.training < epoch.l2


def test_the_best_weights_are_looked_for_once_the_learning_rate_is_down():
    # low losses early, when the learning rate is still high, do not count
    losses = iter([0.01] * 15 + [0.9, 0.5, 0.7, 0.8, 0.9])
    seen = []

    def validate(network):
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(losses)

    plan = settings(epochs=20)
    result = fit(build(TINY), draw, squared_error, plan, CPU, SILENT, validate)
    candidates = [epoch.number for epoch in result.epochs if epoch.is_candidate]
    assert candidates[0] > 15
    assert result.best_epoch == 17 + (candidates[0] > 17)
    for name, value in seen[result.best_epoch - 1].items():
        assert np.array_equal(result.state[name], value.numpy())


def test_patience_stops_the_fit():
    plan = settings(epochs=40, patience=2)
    result = fit(build(TINY), draw, squared_error, plan, CPU, SILENT, lambda network: 1.0)
    first = next(epoch.number for epoch in result.epochs if epoch.is_candidate)
    assert result.best_epoch == first
    assert len(result.epochs) == first + 2 < 40


def test_a_fit_of_another_length_runs_its_whole_cycle():
    with seeded(1, CPU):
        plan = settings(epochs=9, patience=2).of_length(5)
        result = fit(build(TINY), draw, squared_error, plan, CPU, SILENT)
    assert len(result.epochs) == 5
    assert result.epochs[-1].learning_rate == pytest.approx(1e-3 * plan.learning_rate)


def test_a_loss_that_is_no_number_is_an_error_with_a_remedy():
    def spoiled(number, rng):
        batch = draw(number, rng)
        batch.label[:] = np.inf
        return batch

    with pytest.raises(SeaIceError, match=r"no longer a number after epoch 1.*below 0.02"):
        fit(build(TINY), spoiled, squared_error, settings(), CPU, SILENT)


def test_cancelling_stops_at_the_next_step():
    steps = []

    def count(number, rng):
        steps.append(number)
        return draw(number, rng)

    report = Reporter(lambda event: None, lambda: len(steps) >= 5)
    with pytest.raises(CancelledError):
        fit(build(TINY), count, squared_error, settings(epochs=100), CPU, report)
    assert len(steps) <= 8


def test_an_error_while_drawing_reaches_the_caller():
    def fail(number, rng):
        raise ValueError("no chip")

    with pytest.raises(ValueError, match="no chip"):
        fit(build(TINY), fail, squared_error, settings(), CPU, SILENT)


def test_the_learning_rate_rises_to_its_peak_and_comes_down():
    with seeded(1, CPU):
        # an epoch of one step: the rate of each is known
        plan = settings(epochs=100, chips_per_epoch=1, batch_size=1, learning_rate=4e-3)
        epochs = fit(build(TINY), draw, squared_error, plan, CPU, SILENT).epochs
    rates = np.array([epoch.learning_rate for epoch in epochs])
    top = int(rates.argmax())
    assert rates[0] == pytest.approx(0.04 * 4e-3)
    assert rates.max() == pytest.approx(4e-3, rel=1e-3)
    assert 28 <= top <= 30
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] == pytest.approx(1e-3 * 4e-3)
    down = [k for k, epoch in enumerate(epochs) if epoch.is_candidate]
    assert down == list(range(down[0], 100))
    assert rates[down[0]] <= 1.05 * 4e-4 < rates[down[0] - 2]


def test_a_gpu_that_is_not_there_is_an_error():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SeaIceError, match=r"Device cuda: PyTorch finds no NVIDIA GPU.*cpu"):
        choose("cuda")


@pytest.mark.parametrize(("chips", "exact"), [(80, True), (12, False)])
def test_the_last_epochs_statistics_are_the_means_of_its_batches(chips, exact):
    """Learning rate 0: the statistics are then those of the input alone."""
    drawn = []

    def keep(number, rng):
        batch = draw(number, rng)
        drawn.append(batch.pixels)
        return batch

    config = NetworkConfig(filters=2, depth=1, dropout=0.0)
    plan = settings(epochs=2, chips_per_epoch=chips, learning_rate=1e-12)
    with seeded(1, CPU):
        network = build(config)
        state = fit(network, keep, squared_error, plan, CPU, SILENT).state
        steps = plan.steps_per_epoch
        first = network.layers["down0_a"]
        means = [
            first(torch.from_numpy(pixels).permute(0, 3, 1, 2)).mean((0, 2, 3)).detach().numpy()
            for pixels in drawn[-steps:]
        ]
    found = state["layers.down0_a_norm.running_mean"]
    assert np.allclose(found, np.mean(means, 0), atol=1e-5) == exact
