import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from ml_core import networks
from ml_core.errors import SeaIceError
from ml_core.networks import NetworkConfig


def fitted(config):
    torch.manual_seed(0)
    network = networks.build(config, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, config.in_channels, 64, 64) * 2 + 0.5)
        for name, tensor in network.state_dict().items():
            if name.endswith("bias"):
                tensor.normal_()
    return network.eval()


def dense(state, name, x):
    """A dense layer of the features of each patch: (N, C, h, w) -> (N, O)."""
    weight = state[f"layers.{name}.weight"]
    return F.linear(x.flatten(1), weight.flatten(1), state[f"layers.{name}.bias"])


def output_of_patch_cnn(config, state, patches):
    """The lecture's patch CNN written out by hand: (N, C, P, P) -> (N, O)."""
    norm = [
        state[f"layers.input_norm.{k}"] for k in ("running_mean", "running_var", "weight", "bias")
    ]
    x = F.batch_norm(patches, *norm)
    for level in range(config.depth):
        name = f"layers.conv{level}"
        x = F.conv2d(
            x,
            state[f"{name}.weight"],
            state[f"{name}.bias"],
            stride=config.stride or 1,
            padding=config.padding or 0,
        )
        x = F.max_pool2d(F.relu(x), 2)
    return dense(state, "output", F.relu(dense(state, "dense0", x)))


def output_of_alexnet(config, state, patches):
    """AlexNet written out by hand: (N, C, P, P) -> (N, O)."""
    x = patches
    for number, (stride, padding, pooled) in enumerate(
        [(4, 0, True), (1, 2, True), (1, 1, False), (1, 1, False), (1, 1, True)], start=1
    ):
        name = f"layers.conv{number}"
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        x = F.relu(F.conv2d(x, weight, bias, stride=stride, padding=padding))
        if pooled:
            x = F.max_pool2d(x, 3, 2)
    x = F.relu(dense(state, "dense6", x))
    x = F.relu(dense(state, "dense7", x))
    return dense(state, "output", x)


def by_patches(output_of, config, network, scene, patch, stride):
    """Take each patch by itself and fill the block in whose middle it lies."""
    before = (patch - stride) // 2
    height, width = scene.shape[2:]
    surrounded = F.pad(scene, (before, patch, before, patch))
    result = torch.empty(1, config.out_channels, height, width)
    state = network.state_dict()
    for row in range(0, height, stride):
        starts = range(0, width, stride)
        patches = torch.cat(
            [surrounded[..., row : row + patch, col : col + patch] for col in starts]
        )
        values = output_of(config, state, patches)  # (N, O)
        for value, col in zip(values, starts):
            result[0, :, row : row + stride, col : col + stride] = value[:, None, None]
    return result


@pytest.mark.parametrize(
    ("settings", "patch", "stride"),
    [
        ({}, 25, 1),
        ({"in_channels": 3, "out_channels": 11}, 25, 1),
        ({"kernel_size": 4}, 25, 1),
        ({"depth": 2}, 25, 1),
        ({"depth": 2, "patch_size": 32}, 32, 1),
        ({"depth": 2, "patch_size": 32, "kernel_size": 2}, 32, 1),
        ({"stride": 2}, 25, 1),
        ({"stride": 3, "depth": 2, "patch_size": 64}, 64, 1),
        ({"output_stride": 2}, 25, 2),
        ({"output_stride": 4}, 25, 4),
        ({"output_stride": 3}, 25, 3),
        ({"depth": 2, "patch_size": 32, "output_stride": 8}, 32, 8),
        ({"depth": 2, "patch_size": 32, "output_stride": 2}, 32, 2),
        ({"stride": 2, "depth": 2, "patch_size": 40, "output_stride": 8}, 40, 8),
        ({"padding": 1}, 25, 4),
        ({"padding": 2, "depth": 2, "output_stride": 5}, 25, 5),
    ],
)
def test_the_map_of_the_patch_cnn_equals_its_value_for_each_patch(settings, patch, stride):
    config = NetworkConfig.of("patch_cnn", **settings)
    network = fitted(config)
    scene = torch.randn(1, config.in_channels, 9 * stride, 12 * stride)
    with torch.no_grad():
        mapped = network(scene)
        one_by_one = by_patches(output_of_patch_cnn, config, network, scene, patch, stride)
    assert mapped.std() > 0.01
    torch.testing.assert_close(mapped, one_by_one, atol=1e-5, rtol=1e-5)
    assert networks.geometry(config).output_stride == stride


@pytest.mark.parametrize(
    ("settings", "patch", "stride"),
    [
        ({"filters": 6}, 67, 16),
        ({"filters": 4, "patch_size": 99, "output_stride": 24, "out_channels": 3}, 99, 24),
    ],
)
def test_the_map_of_alexnet_equals_its_value_for_each_patch(settings, patch, stride):
    config = NetworkConfig.of("alexnet", **settings)
    network = fitted(config)
    scene = torch.randn(1, 2, 4 * stride, 5 * stride)
    with torch.no_grad():
        one_by_one = by_patches(output_of_alexnet, config, network, scene, patch, stride)
        torch.testing.assert_close(network(scene), one_by_one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"architecture": "patch_cnn"},
        {"architecture": "patch_cnn", "output_stride": 4},
        {"architecture": "patch_cnn", "padding": 1},
        {"architecture": "patch_cnn", "depth": 2, "patch_size": 32, "stride": 2},
        {"architecture": "alexnet", "filters": 4},
    ],
)
def test_aligned_tiles_equal_the_whole_with_the_overlap_and_with_no_smaller_one(settings):
    config = NetworkConfig.of(**settings)
    network, shape = fitted(config), networks.geometry(config)
    core = 3 * shape.multiple
    size = 2 * shape.reach_px + core + 4 * shape.multiple
    scene = torch.randn(1, 2, size, size)
    start = 2 * shape.multiple

    def core_with(overlap):
        begin, end = start + shape.reach_px - overlap, start + shape.reach_px + core + overlap
        tile = network(scene[..., begin:end, begin:end])
        return tile[..., overlap : overlap + core, overlap : overlap + core]

    with torch.no_grad():
        begin, end = start + shape.reach_px, start + shape.reach_px + core
        expected = network(scene)[..., begin:end, begin:end]
        torch.testing.assert_close(core_with(shape.reach_px), expected, atol=1e-5, rtol=0)
        smaller = shape.reach_px - shape.multiple
        assert (core_with(smaller) - expected).abs().max() > 1e-4


def test_alexnet_has_the_sizes_of_the_lectures_table():
    config = NetworkConfig.of("alexnet", filters=96, in_channels=3, patch_size=227)
    plan = networks.plan(config)
    sizes = dict(zip([layer.name for layer in plan.layers], plan.sizes(227)))
    shown = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"]
    assert [sizes[name] for name in shown] == [55, 27, 27, 13, 13, 13, 13, 6]
    layers = {layer.name: layer for layer in plan.layers}
    assert [layers[f"conv{i}"].channels for i in range(1, 6)] == [96, 256, 384, 384, 256]
    assert layers["dense6"].kernel ** 2 * layers["pool5"].channels == 9216
    assert [layers[f"dense{i}"].channels for i in (6, 7)] == [4096, 4096]
    # one tower, 3 channels: the well-known count of its convolutions and dense layers
    assert layers["conv1"].parameters == 34944
    assert layers["dense6"].parameters == 9216 * 4096 + 4096


def test_alexnet_works_down_to_67_px_and_says_where_it_stops():
    plan = networks.plan(NetworkConfig.of("alexnet", patch_size=67))
    assert dict(zip([layer.name for layer in plan.layers], plan.sizes(67)))["pool5"] == 1
    with pytest.raises(SeaIceError, match=r"does not fit an input of 66 px: pool5 \(max-pooling"):
        networks.plan(NetworkConfig.of("alexnet", patch_size=66))


def test_the_lectures_patch_cnn_is_the_default():
    plan = networks.plan(NetworkConfig.of("patch_cnn"))
    sizes = plan.sizes(25)
    steps = [
        (layer.kind.value, layer.channels, layer.kernel, size)
        for layer, size in zip(plan.layers, sizes)
        if layer.kind.value in ("convolution", "max-pooling")
    ]
    assert steps == [
        ("convolution", 5, 3, 23),
        ("max-pooling", 5, 2, 11),
        ("convolution", 10, 11, 1),  # dense, of 11 x 11 x 5 features
        ("convolution", 1, 1, 1),
    ]
    assert plan.layers[0].kind.value == "batch norm"


def test_a_patch_too_small_shows_the_sizes_layer_by_layer():
    with pytest.raises(SeaIceError) as caught:
        networks.plan(NetworkConfig.of("patch_cnn", depth=4))
    text = str(caught.value)
    assert "patch_cnn does not fit an input of 25 px" in text
    assert "conv3 (convolution, K 3, S 1, P 0) gets only 1 px" in text
    assert "input 25, conv0 23, pool0 11, conv1 9, pool1 4, conv2 2, pool2 1" in text
    assert "larger chips or patches, or fewer or smaller layers" in text


@pytest.mark.parametrize(
    ("architecture", "settings", "message"),
    [
        ("alexnet", {"depth": 3}, "depth 3 and kernel size 3, but its five"),
        ("alexnet", {"padding": 1}, "padding = 1, but this network leaves no choice"),
        ("patch_cnn", {"output_stride": 26}, "output stride 26 px is larger than the patch, 25"),
        ("unet", {"patch_size": 25}, "patch size = 25, but this network leaves no choice"),
        ("same_resolution_cnn", {"stride": 2}, "stride = 2, but"),
        ("same_resolution_cnn", {"kernel_size": 4}, "kernel size 4 is even"),
        ("encoder_decoder", {"kernel_size": 2}, "kernel size 2 is even"),
    ],
)
def test_a_setting_that_does_not_apply_is_refused(architecture, settings, message):
    with pytest.raises(SeaIceError, match=message):
        networks.plan(NetworkConfig.of(architecture, **settings))
