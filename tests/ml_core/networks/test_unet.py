import re

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from ml_core import networks
from ml_core.errors import SeaIceError
from ml_core.networks import NetworkConfig


def fitted(config, seed=0):
    """A network whose batch norm has seen data, as after training."""
    torch.manual_seed(seed)
    network = networks.build(config, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        size = networks.geometry(config).minimum_size_px * 4
        for _ in range(3):
            network(torch.randn(2, config.in_channels, size, size) * 2 + 0.5)
    return network.eval()


def ronneberger(state, x, depth):
    """The U-Net written out by hand, from the paper's figure and the weights' names."""

    def double(name, x):
        for half in "ab":
            key = f"layers.{name}_{half}"
            x = F.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], padding=1)
            norm = [
                state[f"{key}_norm.{k}"] for k in ("running_mean", "running_var", "weight", "bias")
            ]
            x = F.relu(F.batch_norm(x, *norm))
        return x

    kept = []
    for level in range(depth):
        x = double(f"down{level}", x)
        kept.append(x)
        x = F.max_pool2d(x, 2)
    x = double("bottleneck", x)
    for level in reversed(range(depth)):
        up = f"layers.up{level}"
        x = F.conv_transpose2d(x, state[f"{up}.weight"], state[f"{up}.bias"], stride=2)
        x = double(f"expand{level}", torch.cat([x, kept[level]], dim=1))
    return F.conv2d(x, state["layers.output.weight"], state["layers.output.bias"])


def test_it_computes_the_published_network():
    network = fitted(NetworkConfig(filters=4, depth=3))
    x = torch.randn(2, 2, 40, 24)
    with torch.no_grad():
        torch.testing.assert_close(network(x), ronneberger(network.state_dict(), x, 3))


def test_channels_double_on_the_way_down():
    layers = {layer.name: layer for layer in networks.plan(NetworkConfig(filters=16)).layers}
    channels = [layers[f"down{level}_b"].channels for level in range(4)]
    assert [*channels, layers["bottleneck_b"].channels] == [16, 32, 64, 128, 256]
    assert [layers[f"skip{level}"].channels for level in range(4)] == [32, 64, 128, 256]


def test_aligned_tiles_equal_the_whole_and_others_do_not():
    config = NetworkConfig(filters=4, depth=3)
    network, shape = fitted(config), networks.geometry(config)
    overlap, core = shape.reach_px, 3 * shape.multiple
    x = torch.randn(1, 2, 2 * overlap + core + 40, 2 * overlap + core + 64)
    with torch.no_grad():
        whole = network(x)
        tile = network(x[..., 8 : 8 + core + 2 * overlap, 16 : 16 + core + 2 * overlap])
        core_of_tile = tile[..., overlap:-overlap, overlap:-overlap]
        expected = whole[..., 8 + overlap : 8 + overlap + core, 16 + overlap : 16 + overlap + core]
        torch.testing.assert_close(core_of_tile, expected, atol=1e-5, rtol=0)
        off = network(x[..., 3 : 3 + core + 2 * overlap, 16 : 16 + core + 2 * overlap])
    shifted = whole[..., 3 + overlap : 3 + overlap + core, 16 + overlap : 16 + overlap + core]
    assert (
        off[..., overlap:-overlap, overlap:-overlap] - shifted
    ).abs().max() > 0.1 * shifted.std()


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_receptive_field_is_what_gradients_see(kernel_size, upsampling):
    config = NetworkConfig(
        filters=2, depth=2, kernel_size=kernel_size, dropout=0, upsampling=upsampling
    )
    network, shape = networks.build(config).eval(), networks.geometry(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)  # nothing cancels, no ReLU is off
    middle = 2 * shape.reach_px + 16
    middle -= middle % shape.multiple
    widest, reach = 0, 0
    for offset in range(shape.multiple):
        # an average in place of the maximum lets every pixel of a pool through
        x = torch.ones(1, 2, 4, 2 * middle, dtype=torch.float32, requires_grad=True)
        for name, module in network.layers.items():
            if isinstance(module, torch.nn.MaxPool2d):
                network.layers[name] = torch.nn.AvgPool2d(2)
        network(x)[0, 0, 0, middle + offset].backward()
        touched = x.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
        widest = max(widest, int(touched[-1] - touched[0]) + 1)
        reach = max(reach, middle + offset - int(touched[0]), int(touched[-1]) - middle - offset)
    assert shape.receptive_field_px == widest
    assert shape.reach_px == -(-reach // shape.multiple) * shape.multiple


def test_dropout_sits_in_the_bottleneck_or_in_every_block():
    def positions(**more):
        layers = networks.plan(NetworkConfig(depth=2, **more)).layers
        return [layer.name for layer in layers if layer.kind.value == "dropout"]

    assert positions() == ["bottleneck_dropout"]
    assert positions(dropout=0) == []
    assert positions(dropout_position="blocks") == [
        "down0_dropout",
        "down1_dropout",
        "bottleneck_dropout",
        "expand1_dropout",
        "expand0_dropout",
    ]


def test_dropout_is_drawn_anew_for_each_batch_and_off_when_predicting():
    network = networks.build(NetworkConfig(filters=2, depth=1, dropout=0.5))
    x = torch.randn(1, 2, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_the_same_generator_seed_gives_the_same_weights():
    config = NetworkConfig(filters=2, depth=1)
    one, same, other = (
        networks.build(config, torch.Generator().manual_seed(seed)).state_dict()
        for seed in (5, 5, 6)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["layers.down0_a.weight"], other["layers.down0_a.weight"])


def test_an_input_that_cannot_be_halved_is_refused_with_the_size_to_take():
    plan = networks.plan(NetworkConfig(depth=4))
    assert plan.sizes(160)[-1] == 160
    with pytest.raises(SeaIceError, match="multiple of 16 px, got 100; give 96"):
        plan.sizes(100)


def test_an_even_kernel_is_refused():
    with pytest.raises(SeaIceError, match=r"kernel size 4 is even.*give 3 or 5"):
        networks.plan(NetworkConfig(kernel_size=4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "resnet"}, "network 'resnet' is not one of"),
        ({"dropout": 1.0}, "dropout = 1.0; expected .* less than 1"),
        ({"dropout": float("nan")}, "dropout = nan"),
        ({"depth": 0}, "depth = 0; expected a whole number from 1"),
        ({"filters": 2.5}, "filters = 2.5"),
        ({"filters": True}, "filters = True"),
        ({"depth": None}, "depth = None"),
        ({"upsampling": "bicubic"}, "up-sampling 'bicubic' is not one of transposed, resize"),
    ],
)
def test_a_wrong_setting_is_refused(changes, message):
    with pytest.raises(SeaIceError, match=message):
        NetworkConfig(**changes)


def test_a_config_survives_json_and_refuses_what_it_does_not_know():
    config = NetworkConfig(filters=3, padding=1, dropout_position="blocks")
    assert NetworkConfig.from_dict(config.to_dict()) == config
    with pytest.raises(SeaIceError, match=r"unknown settings attention.*newer version"):
        NetworkConfig.from_dict({**config.to_dict(), "attention": True})


def test_a_network_comes_back_from_its_tensors():
    config = NetworkConfig(filters=2, depth=2)
    network = fitted(config)
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    again = networks.restore(config, tensors)
    x = torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        assert torch.equal(again(x), network(x))
    with pytest.raises(
        SeaIceError, match=re.escape("layers.bottleneck_a.bias has shape (8,), expected (12,)")
    ):
        networks.restore(NetworkConfig(filters=3, depth=2), tensors)
    del tensors["layers.output.bias"]
    with pytest.raises(SeaIceError, match=r"layers.output.bias has shape none, expected \(1,\)"):
        networks.restore(config, tensors)


def test_channels_last_and_bfloat16_stay_close():
    network = fitted(NetworkConfig(filters=4, depth=2))
    x = torch.randn(1, 2, 64, 64)
    with torch.no_grad():
        plain = network(x)
        last = network.to(memory_format=torch.channels_last)(
            x.contiguous(memory_format=torch.channels_last)
        )
        torch.testing.assert_close(last, plain, atol=1e-5, rtol=1e-4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(x).float()
    assert (rough - plain).abs().max() < 0.05 * plain.abs().max()
