import pytest

from ml_core import networks
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.networks import NetworkConfig
from ml_core.networks.describe import describe
from ml_core.reports.describemodel import write


@pytest.mark.parametrize("network", ARCHITECTURES, ids=lambda network: network.id)
def test_the_page_lists_every_layer_and_counts_the_weights(network, tmp_path):
    config = NetworkConfig.of(network.id)
    path = tmp_path / "n.html"
    write(str(path), config, describe(networks.plan(config)), 40.0, None, "")
    page = path.read_text(encoding="utf-8")
    module = networks.build(config)
    for layer in networks.plan(config).layers:
        assert f">{layer.name}<" in page
    count = sum(weights.numel() for weights in module.parameters())
    assert f"{count:,}".replace(",", "\u202f") in page
    assert "Model card" not in page
