import numpy as np
import pytest
import torch

from ml_core import networks
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig
from ml_core.networks.fully_convolutional import as_map
from ml_core.networks.layer import LayerKind
from ml_core.prediction.runtimes.choose import make_runtime
from ml_core.prediction.runtimes.openvino_runtime import OpenVinoRuntime
from ml_core.prediction.runtimes.torch_runtime import TorchRuntime
from ml_core.prediction.sampling import draw_masks
from ml_core.prediction.uncertainty import masks_of
from tests.builders.models import card_of, random_state

CONFIGS = {
    "bottleneck": NetworkConfig(filters=4, depth=3, dropout=0.4),
    "everywhere": NetworkConfig(filters=4, depth=2, dropout=0.4, dropout_position="blocks"),
    "encoder_decoder": NetworkConfig("encoder_decoder", filters=4, depth=2, dropout=0.4),
    "same_resolution_cnn": NetworkConfig("same_resolution_cnn", filters=4, depth=3, dropout=0.4),
    "patch_cnn": NetworkConfig("patch_cnn", filters=5, depth=1, dropout=0.4),
    "classes": NetworkConfig(out_channels=11, filters=4, depth=2, dropout=0.4),
}


def one_by_one(config, state, masks, x):
    """The networks drawn, each run by itself with its channels switched off by hooks."""
    outputs = []
    for k in range(len(next(iter(masks.values())))):
        network = networks.restore(config, state)
        for name, factors in masks.items():
            factor = torch.from_numpy(factors[k])[None, :, None, None]
            network.layers[name].register_forward_hook(lambda m, i, out, f=factor: out * f)
        with torch.no_grad():
            outputs.append(network(torch.from_numpy(x)).numpy())
    return np.concatenate(outputs, axis=1)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_networks_computed_together_equal_each_by_itself(name, runtime):
    config = CONFIGS[name]
    state = random_state(config)
    masks = masks_of(config, 3, seed=5)
    side = 8 * networks.geometry(config).multiple
    x = np.random.default_rng(1).normal(size=(1, 2, side, 2 * side)).astype(np.float32)
    if runtime == "torch":
        made = TorchRuntime(config, [state], "cpu", precision="float32", masks=masks)
    else:
        layers = as_map(networks.plan(config))
        made = OpenVinoRuntime(layers, [state], precision="float32", masks=masks)
    found, expected = made(x), one_by_one(config, state, masks, x)
    assert found.shape == (1, 4 * config.out_channels, side, 2 * side)
    np.testing.assert_allclose(found, expected, atol=3e-4 * np.abs(expected).max())
    with torch.no_grad():
        off = networks.restore(config, state)(torch.from_numpy(x)).numpy()
    first = found[:, : config.out_channels]
    np.testing.assert_allclose(first, off, atol=3e-4 * np.abs(off).max())
    assert np.abs(found[:, config.out_channels : 2 * config.out_channels] - off).max() > 1e-3


def test_masks_switch_off_the_stated_share_and_keep_the_mean():
    layers = networks.plan(NetworkConfig(filters=64, depth=4, dropout=0.25))
    (dropped,) = [layer for layer in layers.layers if layer.kind is LayerKind.DROPOUT]
    factors = draw_masks(layers, 60, seed=1)[dropped.name]
    np.testing.assert_array_equal(factors[0], 1)
    assert set(np.unique(factors[1:])) == {np.float32(0), np.float32(4 / 3)}
    assert np.mean(factors[1:] == 0) == pytest.approx(0.25, abs=0.01)
    assert factors[1:].mean() == pytest.approx(1, abs=0.015)


def test_a_network_drawn_does_not_depend_on_how_many_are():
    layers = networks.plan(NetworkConfig(filters=8, depth=2, dropout=0.5))
    few, many = draw_masks(layers, 3, seed=1), draw_masks(layers, 9, seed=1)
    for name, factors in few.items():
        np.testing.assert_array_equal(factors, many[name][:4])
    other = draw_masks(layers, 3, seed=2)
    assert any((few[name] != other[name]).any() for name in few)


def test_without_dropout_there_is_nothing_to_draw():
    with pytest.raises(SeaIceError, match="no dropout, so no samples can be drawn from it; train"):
        masks_of(NetworkConfig(filters=4, depth=2, dropout=0.0), 4, seed=1)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_members_of_an_ensemble_give_what_each_gives_by_itself(name):
    config = CONFIGS["classes"]
    states = [random_state(config, seed) for seed in (1, 2, 3)]
    card, silent = card_of(config), Reporter(lambda event: None)

    def made(members):
        return make_runtime(name, "cpu", card, members, silent, precision="float32")

    x = np.random.default_rng(1).normal(size=(1, 2, 16, 24)).astype(np.float32)
    expected = np.concatenate([made([state])(x) for state in states], axis=1)
    together = made(states)
    assert together.bytes_per_px > made(states[:1]).bytes_per_px
    for _ in range(2):
        found = together(x)
        assert found.shape == (1, 33, 16, 24)
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
        together.prepare(x.shape)
