import shutil

import numpy as np
import pytest

from ml_core import checkpoint
from ml_core.errors import JobError, SeaIceError
from ml_core.events import Message
from ml_core.jobs import TrainJob
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.builders.scenes import backscatter, ice
from tests.builders.trainingsets import retag


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """A scene, its reference, and water whose near range is as bright as ice."""
    folder = tmp_path_factory.mktemp("layers")
    sic = ice((160, 160), 8, seed=3)
    rough = np.zeros((96, 128), np.float32)
    rough[:, :64] = 100
    scenes = {"": sic, "water_": rough}
    found = {"reference": write_raster(folder / "sic.tif", sic, size=500.0)}
    for name, values in scenes.items():
        for channel, band in zip(("hh", "hv"), backscatter(values), strict=True):
            found[name + channel] = write_raster(folder / f"{name}{channel}.tif", band, size=500.0)
    angle = np.broadcast_to(np.linspace(19, 43, 128, dtype=np.float32), rough.shape)
    found["water_incidence"] = write_raster(folder / "rough water <i>.tif", angle, size=500.0)
    return found


def train(folder, **values):
    job = TrainJob.from_dict(
        {
            "resolution": 0,
            "footprint": 4000,
            "chip_size": 32,
            "filters": 4,
            "depth": 2,
            "epochs": 6,
            "chips_per_epoch": 24,
            "learning_rate": 0.02,
            "device": "cpu",
            "refit": False,
            "model": str(folder / "net.safetensors"),
            "report": str(folder / "report.html"),
            **values,
        }
    )
    done, events = execute(job)
    return done, [event for event in events if isinstance(event, Message)]


def test_false_ice_is_shown_by_angle_and_warned_of(layers, tmp_path):
    done, messages = train(tmp_path, **layers)
    # the near half is as bright as ice; how much of the far one is called ice is the fit's luck
    assert done.numbers["WATER_ICE_SHARE"] > 40
    assert 30 < done.numbers["WATER_MEAN_SIC"] < 80
    (said,) = [m for m in messages if m.text.startswith("Open water, water_hh")]
    assert said.level == "warning"
    assert "% of the pixels are called ice (SIC of 15 % or more). Let the network" in said.text
    assert said.text.endswith("learn from such water: switch on Open water trains")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "False ice by incidence angle" in page
    assert "water_hh.tif was given as free of ice, and was not used for training" in page
    water = checkpoint.read_card(str(tmp_path / "net.safetensors")).metrics["open_water"]
    assert water["ice_share"] == pytest.approx(done.numbers["WATER_ICE_SHARE"] / 100)
    near, far = (water["by_incidence_deg"][key]["mean_percent"] for key in ("21–24", "39–42"))
    assert near > far + 30


def test_water_that_trains_is_called_ice_no_more_and_is_counted_where_it_did_not(layers, tmp_path):
    # wind brightens HH, not HV: that this is water can be learned
    calm = backscatter(np.zeros((96, 128)))[1]
    scenes = {**layers, "water_hv": write_raster(tmp_path / "calm.tif", calm, size=500.0)}
    found = {}
    for trains in (False, True):
        done, messages = train(tmp_path, **scenes, water_trains=trains, refit=True)
        found[trains] = done.numbers
    assert found[True]["WATER_ICE_SHARE"] < 0.5 * found[False]["WATER_ICE_SHARE"]
    (said,) = [m.text for m in messages if " trains at a SIC of 0" in m.text]
    page = " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
    assert "It trained at a SIC of 0, but for" in page
    assert "which no fit saw, nor the refit" in page
    assert "not used for training" not in page
    card = checkpoint.read_card(str(tmp_path / "net.safetensors"))
    water = card.metrics["open_water"]
    assert f"{100 * water['held_out_share']:.0f} %, a band" in said
    assert water["pixels"] == pytest.approx(96 * 128 * water["held_out_share"])
    # the errors stay those on the scene with ice
    assert card.split["reference_pixels"]["validation"] < 160 * 160
    assert list(card.training["inputs"].values()) == ["hh.tif", "hv.tif", "sic.tif"]


@pytest.mark.parametrize(
    "more",
    [
        {"folds": 2},
        {"members": 2},
        {"validation_fraction": 0},
        {"task": "classes"},
        {"match": "pixels", "footprint": 500},
    ],
    ids=lambda more: next(iter(more)),
)
def test_water_trains_in_every_kind_of_fit(layers, tmp_path, more):
    done, _ = train(tmp_path, **layers, **{"epochs": 1, "water_trains": True, **more})
    assert 0 <= done.numbers["WATER_ICE_SHARE"] <= 100
    page = " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
    seen = "ground that the network has seen" in page
    assert seen == (more == {"validation_fraction": 0})


def test_roughness_is_reported_where_the_angle_is_known(layers, tmp_path):
    angle = np.broadcast_to(np.linspace(19, 45, 160, dtype=np.float32), (160, 160))
    incidence = write_raster(tmp_path / "angle.tif", angle, size=500.0)
    train(tmp_path, **layers, incidence=incidence, epochs=1)
    assert "HH above the mean of its angle [dB]" in (tmp_path / "report.html").read_text("utf-8")
    water = checkpoint.read_card(str(tmp_path / "net.safetensors")).metrics["open_water"]
    shares = [row["share"] for row in water["by_hh_above_mean_db"].values()]
    assert sum(shares) == pytest.approx(1)


def test_water_trains_beside_a_training_set(layers, training_set, tmp_path):
    water = {name: path for name, path in layers.items() if name in ("water_hh", "water_hv")}
    done, messages = train(
        tmp_path,
        **water,
        training_set=str(training_set),
        resolution=None,
        footprint=None,
        epochs=1,
        water_trains=True,
    )
    assert any(" trains at a SIC of 0" in m.text for m in messages)
    assert done.numbers["VALIDATION_RMSE"] > 0


def test_water_trains_only_where_there_is_water(layers):
    scene = {name: layers[name] for name in ("hh", "hv", "reference")}
    with pytest.raises(JobError, match="Open water trains: there is no scene of open water"):
        TrainJob.from_dict({**scene, "water_trains": True, "model": "net.safetensors"})


def test_water_whose_noise_was_handled_otherwise_is_warned_of(layers, tmp_path):
    copies = {name: shutil.copy(path, tmp_path / f"{name}.tif") for name, path in layers.items()}
    for name, noise in (("hh", "ESA"), ("hv", "ESA"), ("water_hh", "none"), ("water_hv", "none")):
        retag(copies[name], SEAICE_NOISE=noise)
    scenes = {name: str(path) for name, path in copies.items()}
    _, messages = train(tmp_path, **scenes, epochs=1)
    (said,) = [
        m for m in messages if m.text.startswith("water_hh.tif: the thermal noise of HV was")
    ]
    assert said.level == "warning"
    with pytest.raises(SeaIceError, match=r"water_hh\.tif: the thermal noise of HV was"):
        train(tmp_path, **scenes, epochs=1, water_trains=True)


def test_without_such_a_scene_the_report_says_so(layers, tmp_path):
    scene = {name: layers[name] for name in ("hh", "hv", "reference")}
    done, _ = train(tmp_path, **scene, epochs=1)
    assert not {"WATER_ICE_SHARE", "WATER_MEAN_SIC"} & set(done.numbers)
    assert "no scene of open water was given" in (tmp_path / "report.html").read_text("utf-8")


def test_water_that_the_network_cannot_see_is_refused_before_the_fit(layers, tmp_path):
    values = {
        **layers,
        "incidence": write_raster(tmp_path / "a.tif", np.full((160, 160), 30.0), size=500.0),
    }
    del values["water_incidence"]
    with pytest.raises(
        SeaIceError, match=r"open water, water_hh.tif, holds HH, HV; .* incidence_angle"
    ):
        train(tmp_path, **values, epochs=100_000)


@pytest.mark.parametrize("given", [("water_hh",), ("water_hv",), ("water_incidence",)])
def test_half_a_scene_of_water_is_refused(layers, given):
    scene = {name: layers[name] for name in ("hh", "hv", "reference", *given)}
    with pytest.raises(JobError, match="Open water: give HH and HV of one scene, or neither"):
        TrainJob.from_dict({**scene, "model": "net.safetensors"})
