import numpy as np
import pytest
import torch

from ml_core import networks
from ml_core.datasets.batch import Batch
from ml_core.datasets.observed_chips import ObservedChips
from ml_core.networks import NetworkConfig
from ml_core.networks.output import scale_of_each
from ml_core.training.error_scale import apart, observed_with_scale
from ml_core.training.losses import Targets, observed_error

SIDE, FOOTPRINT = 64, 12.0


def targets(seed, sic=0.5, size=0.1, chips=2, each=40):
    """Chips whose references lie around a SIC by errors of a mean size, as fractions."""
    rng = np.random.default_rng(seed)
    value = np.clip(sic + rng.laplace(0, size, (chips, each)), 0, 1).astype(np.float32)
    row, col = rng.uniform(20, 44, (2, chips, each)).astype(np.float32)
    weight = np.ones_like(value)
    footprint = np.full(chips, FOOTPRINT, np.float32)
    shape = chips, SIDE, SIDE
    batch = Batch(
        np.empty(0, np.float32),
        np.ones(shape, bool),
        np.zeros(shape, np.float32),
        np.ones(shape, bool),
        None,
        ObservedChips(row, col, value, value, weight, footprint),
    )
    return Targets.of(batch, 2, torch.from_numpy), value


@pytest.mark.parametrize("architecture", ["unet", "encoder_decoder", "same_resolution_cnn"])
def test_the_sic_learns_what_it_would_learn_alone(architecture):
    config = NetworkConfig.of(architecture, in_channels=2, out_channels=2, dropout=0.0)
    network = apart(networks.build(config)).train()
    pixels = torch.from_numpy(
        np.random.default_rng(1).normal(size=(2, 2, SIDE, SIDE)).astype(np.float32)
    )
    wanted, _ = targets(2)

    def gradients(loss):
        network.zero_grad()
        total, number = loss(network(pixels))
        (total / number).backward()
        return float(total.detach()), {n: p.grad.clone() for n, p in network.named_parameters()}

    value, found = gradients(lambda output: observed_with_scale(output, wanted))
    alone, expected = gradients(lambda output: observed_error(output[:, 0], wanted))
    assert value == pytest.approx(alone, rel=1e-6)
    for name, gradient in found.items():
        if name.startswith("layers.output"):
            assert gradient[1:].abs().max() > 0
            assert expected[name][1:].abs().max() == 0
            gradient, expected[name] = gradient[:1], expected[name][:1]
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("size", [0.01, 0.05, 0.2])
def test_the_second_output_finds_the_mean_error(size):
    """Of a scale that is the same everywhere, the likeliest is the mean of the errors' moduli."""
    wanted, value = targets(3, size=size)
    second = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([second], 0.1)
    sic = torch.full((2, SIDE, SIDE), 0.5)
    for _ in range(200):
        output = torch.stack([sic, second.expand(2, SIDE, SIDE)], dim=1)
        total, number = observed_with_scale(output, wanted)
        optimiser.zero_grad()
        (total / number).backward()
        optimiser.step()
    valid = np.ones((SIDE, SIDE), bool)
    valid[:5] = False
    scale = scale_of_each(output.detach().numpy()[0], valid, 1)
    assert scale[0, 5:] == pytest.approx(100 * np.abs(value - 0.5).mean(), rel=0.02)
    assert np.isnan(scale[0, :5]).all()


def test_the_scale_is_bounded():
    extreme = np.array([-1e4, 0.0, 1e4], np.float32).reshape(1, 3)
    output = np.stack([np.zeros((1, 3), np.float32), extreme])
    scale = scale_of_each(output, np.ones((1, 3), bool), 1)[0, 0]
    assert scale == pytest.approx([0.203, 4.505, 100], rel=1e-3)
    two = np.concatenate([output, output[:, :, ::-1]])
    assert scale_of_each(two, np.ones((1, 3), bool), 2)[1, 0] == pytest.approx(scale[::-1])
