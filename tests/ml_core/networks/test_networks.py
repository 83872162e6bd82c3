import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from ml_core import networks
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.jobs.network import NetworkInputs
from ml_core.networks import NetworkConfig
from ml_core.networks.layer import LayerKind
from ml_core.networks.module import PlannedNetwork

IDS = [choice.id for choice in ARCHITECTURES]


@pytest.mark.parametrize("architecture", IDS)
@pytest.mark.parametrize(("in_channels", "out_channels"), [(2, 1), (3, 11)])
def test_every_network_maps_a_chip_to_as_large_a_map_and_learns(
    architecture, in_channels, out_channels
):
    config = NetworkConfig.of(
        architecture, in_channels=in_channels, out_channels=out_channels, filters=4, dropout=0
    )
    network = networks.build(config, torch.Generator().manual_seed(1))
    multiple = networks.geometry(config).multiple
    x = torch.randn(2, in_channels, 5 * multiple + 16 * (multiple == 1), 6 * multiple)
    y = network(x)
    assert y.shape == (2, out_channels, *x.shape[2:])
    y.square().mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in _weights(network))


@pytest.mark.parametrize("architecture", IDS)
def test_the_plan_counts_the_parameters_that_torch_has(architecture):
    config = NetworkConfig.of(architecture)
    counted = networks.plan(config).parameters
    assert counted == sum(p.numel() for p in networks.build(config).parameters())


@pytest.mark.parametrize("architecture", IDS)
def test_the_plans_sizes_are_those_of_the_running_network(architecture):
    config = NetworkConfig.of(architecture, filters=2)
    plan = networks.plan(config)
    network = PlannedNetwork(plan).eval()  # the layers of one patch, not of a map
    size = plan.patch_px or 5 * plan.multiple
    seen = {}
    for name, module in network.layers.items():
        module.register_forward_hook(lambda _m, _i, y, name=name: seen.update({name: y.shape}))
    network(torch.zeros(1, 2, size, size))
    expected = dict(zip([layer.name for layer in plan.layers], plan.sizes(size)))
    assert {name: shape[2] for name, shape in seen.items()} == {
        name: expected[name] for name in seen
    }
    channels = {layer.name: layer.channels for layer in plan.layers}
    assert all(shape[1] == channels[name] for name, shape in seen.items())


def test_the_encoder_decoder_reduces_by_its_stride():
    config = NetworkConfig.of("encoder_decoder", depth=2, stride=3, filters=2)
    plan = networks.plan(config)
    assert plan.multiple == 9
    sizes = dict(zip([layer.name for layer in plan.layers], plan.sizes(36)))
    assert (sizes["pool0"], sizes["pool1"], sizes["up1"], sizes["up0"]) == (12, 4, 12, 36)


def test_the_same_resolution_cnn_is_its_convolutions_one_after_the_other():
    config = NetworkConfig.of("same_resolution_cnn", depth=2, filters=3)
    network = networks.build(config, torch.Generator().manual_seed(2)).eval()
    state = network.state_dict()
    x = torch.randn(1, 2, 9, 9)
    expected = x
    for level in range(2):
        weight, bias = (state[f"layers.conv{level}.{part}"] for part in ("weight", "bias"))
        expected = F.conv2d(expected, weight, bias, padding=2)
        expected = F.relu(expected / (1 + 1e-5) ** 0.5)  # batch norm as it starts
    weight, bias = (state[f"layers.output.{part}"] for part in ("weight", "bias"))
    torch.testing.assert_close(network(x), F.conv2d(expected, weight, bias))
    assert networks.geometry(config).receptive_field_px == 9


@pytest.mark.parametrize(
    "settings",
    [*({"architecture": id} for id in IDS), {"architecture": "unet", "upsampling": "resize"}],
    ids=lambda settings: "-".join(settings.values()),
)
def test_openvino_gives_what_torch_gives_at_any_size(settings):
    ov = pytest.importorskip("ml_core.prediction.runtimes.openvino_library").ov
    config = NetworkConfig.of(filters=4, **settings)
    network = networks.build(config, torch.Generator().manual_seed(1)).eval()
    model = ov.convert_model(
        network, example_input=torch.zeros(1, 2, 96, 96), input=[-1, 2, -1, -1]
    )
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for shape in [(1, 2, 96, 96), (2, 2, 64, 112)]:
        x = torch.randn(shape)
        with torch.no_grad():
            expected = network(x).numpy()
        result = compiled(x.numpy())[0]
        assert result.shape == expected.shape
        assert abs(result - expected).max() < 1e-3 * max(1, abs(expected).max())


def _weights(network):
    """The weights behind which no ReLU may be off everywhere."""
    return [p for name, p in network.named_parameters() if "output" in name and "weight" in name]


def test_a_job_leaves_sizes_to_the_network():
    job = NetworkInputs(architecture="patch_cnn", dropout=0.25, output_stride="4")
    config = NetworkConfig.from_job(job, 3, 11)
    assert config == NetworkConfig(
        "patch_cnn", 3, 11, filters=5, depth=1, kernel_size=3, dropout=0.25, output_stride=4
    )
    job = NetworkInputs(architecture="patch_cnn", filters=7, depth=2, kernel_size=5)
    config = NetworkConfig.from_job(job, 2, 1)
    assert (config.filters, config.depth, config.kernel_size) == (7, 2, 5)


@pytest.mark.parametrize("architecture", IDS)
def test_every_network_works_with_a_jobs_defaults(architecture):
    networks.plan(NetworkConfig.from_job(NetworkInputs(architecture=architecture), 2, 1))


@pytest.mark.parametrize("architecture", IDS)
def test_dropout_switches_off_whole_channels(architecture):
    config = NetworkConfig.of(architecture, filters=16, dropout=0.25)
    network = networks.build(config, torch.Generator().manual_seed(1)).train()
    name = next(
        layer.name for layer in networks.plan(config).layers if layer.kind is LayerKind.DROPOUT
    )
    shares = []

    def look(module, inputs, output):
        before, after = inputs[0].detach(), output.detach()
        alive = before.abs().amax(dim=(2, 3)) > 0
        kept = after.abs().amax(dim=(2, 3)) > 0
        torch.testing.assert_close(after, before * (kept / 0.75)[..., None, None])
        shares.append((kept & alive).sum() / alive.sum())

    network.layers[name].register_forward_hook(look)
    side = max(2 * networks.geometry(config).minimum_size_px, 32)
    torch.manual_seed(1)
    for _ in range(20):
        network(torch.randn(4, 2, side, side))
    assert torch.stack(shares).mean() == pytest.approx(0.75, abs=0.05)
