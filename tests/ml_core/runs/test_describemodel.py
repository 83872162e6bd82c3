import re

import numpy as np
import pytest

from ml_core import checkpoint, networks
from ml_core.checkpoint import ModelCard
from ml_core.errors import SeaIceError
from ml_core.events import Message
from ml_core.jobs import DescribeModelJob
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.networks import NetworkConfig
from tests.builders.jobs import execute


def describe_job(tmp_path, **parameters):
    job = DescribeModelJob(report=str(tmp_path / "network.html"), **parameters)
    done, events = execute(job)
    return done, (tmp_path / "network.html").read_text(encoding="utf-8"), events


@pytest.mark.parametrize("architecture", [choice.id for choice in ARCHITECTURES])
def test_parameters_alone_are_described(tmp_path, architecture):
    done, page, _ = describe_job(tmp_path, architecture=architecture, pixel_size=160)
    config = NetworkConfig.of(architecture)
    field = networks.geometry(config).receptive_field_px
    assert done.numbers["RECEPTIVE_FIELD"] == field
    assert done.numbers["PARAMETERS"] == sum(
        weights.numel() for weights in networks.build(config).parameters()
    )
    assert f"{field * 0.16:.3g} km at 160 m" in page
    assert "Model card" not in page
    for layer in networks.plan(config).layers:
        assert f">{layer.name}<" in page


def test_further_channels_are_counted(tmp_path):
    plain, _, _ = describe_job(tmp_path)
    done, _, _ = describe_job(tmp_path, incidence_channel=True, extra_channels=2)
    first_filters = NetworkConfig.of("unet").filters
    more = done.numbers["PARAMETERS"] - plain.numbers["PARAMETERS"]
    assert more == 3 * 3 * 3 * first_filters


def test_the_default_network_has_the_known_arithmetic(tmp_path):
    done, _, _ = describe_job(tmp_path)
    assert done.numbers["GFLOP_PER_MPX"] == pytest.approx(92, rel=0.02)
    assert done.numbers["PARAMETERS"] == 1943905


def test_a_model_file_is_described_with_its_card(tmp_path):
    config = NetworkConfig.of("patch_cnn", in_channels=2, out_channels=2)
    path = str(tmp_path / "m.safetensors")
    card = ModelCard(
        network=config.to_dict(),
        channels=("HH", "HV"),
        mean=(-10, -20),
        std=(2, 3),
        resolution_m=254.5,
        task="classes",
        classes={
            "bounds_percent": [15],
            "values_percent": [7.5, 57.5],
            "labels": ["water", "<ice>"],
        },
        training={
            "inputs": {"hh": "<b>scene & co.tif"},
            "steps": list(range(500)),
            "fitted_again_on_everything": True,
        },
        metrics={"validation": {"rmse_percent": 9.875}},
        versions={"torch": "2.13"},
    )
    checkpoint.save(path, {"member0.w": np.zeros(1, np.float32)}, card)
    done, page, events = describe_job(tmp_path, model=path, depth=7)
    assert "6.11 km at 254.5 m" in page  # 24 px
    assert "water; &lt;ice&gt;" in page
    assert "&lt;b&gt;scene &amp; co.tif" in page
    assert "validation.rmse_percent" in page
    assert "9.875" in page
    assert "500 in all" in page
    assert done.outputs == {"REPORT": str(tmp_path / "network.html")}
    warnings = [e.text for e in events if isinstance(e, Message) and e.level == "warning"]
    said = "RMSE 9.9 % SIC, of the network before the refit"
    assert said in page
    assert any(said in event.text for event in events if isinstance(event, Message))
    assert warnings == ["DEPTH: not used, because a model file is described"]


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    _, page, _ = describe_job(tmp_path)
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_a_network_that_does_not_fit_is_an_error_and_leaves_no_page(tmp_path):
    with pytest.raises(SeaIceError, match=r"conv3 \(convolution, K 3, S 1, P 0\) gets only 1 px"):
        describe_job(tmp_path, architecture="patch_cnn", depth=4)
    assert not list(tmp_path.iterdir())


def test_a_foreign_file_is_an_error(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 60)
    with pytest.raises(SeaIceError, match="not a model file"):
        describe_job(tmp_path, model=str(path))
