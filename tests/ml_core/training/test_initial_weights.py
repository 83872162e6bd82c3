import dataclasses

import numpy as np
import pytest
import torch

from ml_core import checkpoint, networks
from ml_core.checkpoint import ModelCard
from ml_core.datasets.batch import Batch
from ml_core.datasets.normalisation import Normalisation
from ml_core.datasets.sampler import ChipSampler, rare_weights
from ml_core.datasets.split import Split
from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig
from ml_core.training.device import choose
from ml_core.training.fit import FitSettings, fit
from ml_core.training.initial_weights import InitialWeights
from ml_core.training.losses import squared_error
from ml_core.training.tasks import Regression
from tests.builders.scenes import backscatter, data_of

CONFIG = NetworkConfig(filters=4, depth=2)


@pytest.fixture
def model(tmp_path):
    """A model file with fresh weights."""

    def make(config=CONFIG, **more):
        card = ModelCard(
            network=config.to_dict(),
            channels=("HH", "HV"),
            mean=(-15.0, -25.0),
            std=(3.0, 4.0),
            resolution_m=300.0,
            training={"steps": 7, "inputs": {"HH": "old.tif"}},
            created="2024-01-01T00:00:00+00:00",
            **more,
        )
        torch.manual_seed(5)
        state = networks.build(config).state_dict()
        path = str(tmp_path / "old.safetensors")
        checkpoint.save(path, {f"member0.{k}": v.numpy() for k, v in state.items()}, card)
        return path

    return make


def test_the_weights_and_normalisation_are_those_of_the_model(model):
    initial = InitialWeights.load(model(), 0)
    network = networks.build(CONFIG)
    initial.apply(network)
    for name, tensor in network.state_dict().items():
        assert np.array_equal(tensor.numpy(), initial.state[name])
    assert initial.normalisation.mean.tolist() == [-15, -25]
    assert initial.normalisation.std.tolist() == [3, 4]
    initial.check(CONFIG, Regression(), ("HH", "HV"))
    initial.check_resolution(305)
    lineage = initial.lineage()
    assert lineage["initial_model"] == "old.safetensors"
    assert (lineage["steps"], lineage["inputs"]) == (7, {"HH": "old.tif"})


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 1)])
def test_a_network_with_and_one_without_a_second_output_share_the_sic(model, old, new):
    """As files of earlier versions have one output, and matched pixel by pixel all have."""
    initial = InitialWeights.load(model(dataclasses.replace(CONFIG, out_channels=old)), 0)
    config = dataclasses.replace(CONFIG, out_channels=new)
    initial.check(config, Regression(observes=new == 2), ("HH", "HV"))
    network = networks.build(config).eval()
    initial.apply(network)
    pixels = torch.randn(1, 2, 32, 32)
    earlier = networks.restore(NetworkConfig.from_dict(initial.card.network), initial.state).eval()
    torch.testing.assert_close(network(pixels)[:, :1], earlier(pixels)[:, :1])


@pytest.mark.parametrize(
    ("network", "channels", "message"),
    [
        (NetworkConfig(filters=8, depth=2), ("HH", "HV"), r"filters 4\) than .*filters 8\)"),
        (CONFIG, ("HH", "HV", "incidence_angle"), "with HH, HV, the data has HH, HV, inc"),
        (CONFIG, ("VV", "VH"), "was trained with HH, HV, the data has VV, VH"),
    ],
)
def test_what_does_not_fit_is_refused(model, network, channels, message):
    with pytest.raises(SeaIceError, match=message):
        InitialWeights.load(model(), 0).check(network, Regression(), channels)


def test_another_resolution_is_refused(model):
    with pytest.raises(SeaIceError, match="works at 300 m, the data has pixels of 500 m"):
        InitialWeights.load(model(), 0).check_resolution(500)


def test_another_task_is_refused(model):
    initial = InitialWeights.load(model(task="classes", classes={"bounds_percent": [15]}), 0)
    with pytest.raises(SeaIceError, match="was trained for the task classes"):
        initial.check(CONFIG, Regression(), ("HH", "HV"))


def test_all_convolutions_cannot_be_frozen(model):
    with pytest.raises(SeaIceError, match="of the network's 13 would leave nothing to learn"):
        InitialWeights.load(model(), 13).apply(networks.build(CONFIG))


def test_frozen_convolutions_keep_weights_and_statistics_and_the_others_learn(model):
    initial = InitialWeights.load(model(), 2)
    network = networks.build(CONFIG)
    initial.apply(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def draw(number, rng):
        pixels = rng.normal(3, 2, (number, 16, 16, 2)).astype(np.float32)
        label = (pixels[..., 0] > 3).astype(np.float32)
        every = np.ones(label.shape, bool)
        return Batch(pixels, every, label, every)

    settings = FitSettings(epochs=2, chips_per_epoch=8, batch_size=4, learning_rate=0.01, l1=1e-4)
    fitted = fit(network, draw, squared_error, settings, choose("cpu"), Reporter(lambda e: None))
    changed = {
        name for name, array in fitted.state.items() if not np.array_equal(array, before[name])
    }
    frozen = {name for name in before if "down0" in name}
    assert frozen
    assert not changed & frozen
    assert {name for name in changed if "down1" in name}
    assert any("output" in name for name in changed)


def test_rare_sic_is_drawn_as_often_as_frequent():
    sic = np.zeros((96, 96), np.float32)
    sic[:16, :16] = 95.0  # 1 of 36 parts
    data = data_of(sic, backscatter(sic), footprint_px=8)
    scaling = Normalisation(np.zeros(2, np.float32), np.ones(2, np.float32))
    weights = rare_weights(data.cells.histogram.sum((0, 1)))
    assert weights[9] == 10  # bounded
    assert weights[0] == pytest.approx(36 / 35 / 2)
    shares = []
    for bin_weights in (None, weights):
        sampler = ChipSampler(
            data.array,
            data.cells,
            Split.full(data.cells),
            scaling,
            16,
            Regression().label,
            bin_weights=bin_weights,
        )
        rows, cols = sampler._reference_pixels(4000, np.random.default_rng(1))
        shares.append(((rows < 16) & (cols < 16)).mean())
    assert shares[0] == pytest.approx(1 / 36, abs=0.01)
    assert shares[1] == pytest.approx(10 / (10 + 35 / 2 * 36 / 35), abs=0.03)
