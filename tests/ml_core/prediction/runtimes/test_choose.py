from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ml_core import networks
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.networks import NetworkConfig
from ml_core.networks.fully_convolutional import as_map
from ml_core.networks.layer import Layer, LayerKind
from ml_core.networks.plan import NetworkPlan
from ml_core.prediction.runtimes import openvino_graph
from ml_core.prediction.runtimes.choose import (
    make_runtime,
)
from ml_core.prediction.runtimes.openvino_runtime import OpenVinoRuntime
from ml_core.prediction.runtimes.torch_runtime import TorchRuntime
from tests.builders.models import card_of, random_state

CONFIGS = {
    "unet": NetworkConfig("unet", filters=4, depth=3),
    "unet, resized": NetworkConfig("unet", filters=4, depth=2, upsampling="resize"),
    "unet, 5 x 5, incidence angle": NetworkConfig("unet", 3, filters=4, depth=2, kernel_size=5),
    "unet, classes": NetworkConfig("unet", out_channels=11, filters=4, depth=2),
    "encoder_decoder": NetworkConfig("encoder_decoder", filters=4, depth=2),
    "encoder_decoder, stride 3": NetworkConfig("encoder_decoder", filters=4, depth=1, stride=3),
    "same_resolution_cnn": NetworkConfig("same_resolution_cnn", filters=4, depth=3),
    "patch_cnn": NetworkConfig("patch_cnn", filters=5, depth=1),
    "patch_cnn, stride 4": NetworkConfig("patch_cnn", filters=5, depth=1, output_stride=4),
}


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_the_sic_is_not_rounded_to_bfloat16(runtime):
    """Eight bits are steps of 0.4 % SIC."""
    config = CONFIGS["unet"]
    state = random_state(config)
    x = np.random.default_rng(0).normal(size=(1, 2, 256, 256)).astype(np.float32)
    if runtime == "torch":
        made = TorchRuntime(config, [state], "cpu", precision="bfloat16")
    else:
        made = OpenVinoRuntime(as_map(networks.plan(config)), [state])
    assert len(np.unique(made(x))) > 20_000


def test_every_network_is_in_the_table():
    assert {choice.id for choice in ARCHITECTURES} - {"alexnet"} == {
        config.architecture for config in CONFIGS.values()
    }


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_runtimes_give_what_the_network_gives(name, runtime):
    config = CONFIGS[name]
    state = random_state(config)
    network = networks.restore(config, state)
    side = 12 * networks.geometry(config).multiple
    x = torch.randn(2, config.in_channels, side, 2 * side)
    with torch.no_grad():
        expected = network(x).numpy()
    if runtime == "torch":
        made = TorchRuntime(config, [state], "cpu", precision="float32")
    else:
        layers = as_map(networks.plan(config))
        assert openvino_graph.supports(layers)
        made = OpenVinoRuntime(layers, [state], precision="float32")
    found = made(x.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["unet", "encoder_decoder", "patch_cnn, stride 4"])
def test_a_shape_that_was_prepared_for_gives_the_same_and_others_remain_possible(name):
    config = CONFIGS[name]
    state = random_state(config)
    runtime = OpenVinoRuntime(as_map(networks.plan(config)), [state], precision="float32")
    side = 12 * networks.geometry(config).multiple
    x, wider = (torch.randn(1, 2, side, width).numpy() for width in (side, 2 * side))
    expected = [runtime(batch).copy() for batch in (x, wider)]
    runtime.prepare(x.shape)
    for batch, plain in zip((x, wider), expected, strict=True):
        np.testing.assert_allclose(runtime(batch), plain, atol=1e-5 * np.abs(plain).max())
    with ThreadPoolExecutor(3, initializer=runtime.prepare, initargs=(x.shape,)) as pool:
        for found in pool.map(lambda _: runtime(x).copy(), range(9)):
            np.testing.assert_allclose(found, expected[0], atol=1e-5 * np.abs(found).max())


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_the_precision_taken_by_default_is_exact_enough(trained, runtime):
    card, state = trained
    x = np.random.default_rng(0).normal(size=(1, 2, 256, 256)).astype(np.float32)
    config = NetworkConfig.from_dict(card.network)
    if runtime == "torch":
        fast, exact = (TorchRuntime(config, [state], "cpu", precision=p) for p in ("", "float32"))
    else:
        layers = as_map(networks.plan(config))
        fast, exact = (OpenVinoRuntime(layers, [state], precision=p) for p in ("", "float32"))
    difference = np.clip(100 * fast(x), 0, 100) - np.clip(100 * exact(x), 0, 100)
    # 0.3 % SIC is the project's bound; the worst of 65 536 pixels of noise may be ten times that
    assert np.sqrt(np.mean(difference**2)) < 0.3


def test_auto_takes_openvino_on_a_processor_and_reported(recorder):
    config = CONFIGS["unet"]
    arguments = card_of(config), [random_state(config)], Reporter(recorder)
    runtime = make_runtime("auto", "cpu", *arguments)
    assert runtime.name.startswith("OpenVINO")
    assert recorder.texts() == [f"Runtime: {runtime.name}, {runtime.precision}"]


def test_auto_takes_torch_where_openvino_lacks_a_layer(recorder, monkeypatch):
    config = CONFIGS["unet"]
    monkeypatch.setattr(openvino_graph, "supports", lambda layers: False)
    arguments = card_of(config), [random_state(config)], Reporter(recorder)
    assert make_runtime("auto", "cpu", *arguments).name.startswith("PyTorch")
    with pytest.raises(SeaIceError, match=r"lacks a layer of this unet.*Runtime to auto or torch"):
        make_runtime("openvino", "cpu", *arguments)


def test_openvino_is_not_for_a_gpu(recorder):
    config = CONFIGS["unet"]
    arguments = card_of(config), [random_state(config)], Reporter(recorder)
    with pytest.raises(SeaIceError, match=r"on the processor only; set Runtime to torch"):
        make_runtime("openvino", "cuda", *arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_an_error(recorder):
    config = CONFIGS["unet"]
    arguments = card_of(config), [random_state(config)], Reporter(recorder)
    with pytest.raises(SeaIceError, match=r"no NVIDIA GPU.*set Device to auto or cpu"):
        make_runtime("auto", "cuda", *arguments)


def test_a_kind_of_layer_that_is_not_known_is_not_supported():
    unfolded = NetworkPlan("x", (Layer("patches", LayerKind.UNFOLD, 2, 2, 25, 4),))
    assert not openvino_graph.supports(unfolded)
