"""Extra layers as channels: trained on, kept in training sets, asked for by predict."""

import json
import re

import numpy as np
import pytest
import rasterio

from ml_core import checkpoint
from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import BuildTrainingSetJob, CompareNetworksJob, PredictJob, TrainJob
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.builders.scenes import ice

PIXEL_M = 500.0
SHAPE = (160, 200)
QUICK = {
    "resolution": 0,
    "footprint": 8 * PIXEL_M,
    "chip_size": 32,
    "filters": 4,
    "depth": 2,
    "learning_rate": 0.02,
    "device": "cpu",
    "refit": False,
}


def write_layers(folder, seed=0):
    """Write a scene whose HH and HV say little, a layer that tells the SIC, and one of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sic = ice(SHAPE, 8, seed)
    bands = {
        "hh": -15 + 1.0 * sic / 100 + rng.normal(0, 2, SHAPE),
        "hv": -25 + 1.0 * sic / 100 + rng.normal(0, 2, SHAPE),
        "reference": sic,
        "tells": 150 + sic + rng.normal(0, 4, SHAPE),
        "noise": rng.normal(0, 1e-4, SHAPE),
    }
    return {
        name: write_raster(
            folder / f"{name}.tif",
            band.astype(np.float32),
            size=PIXEL_M,
            tags={"SEAICE_QUANTITY": name} if name in ("tells", "noise") else {},
        )
        for name, band in bands.items()
    }


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    return write_layers(tmp_path_factory.mktemp("layers"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return write_layers(tmp_path_factory.mktemp("other"), seed=5)


def train(folder, files, *extra, **more):
    values = {name: files[name] for name in ("hh", "hv", "reference")}
    job = TrainJob.from_dict(
        {
            **values,
            **QUICK,
            "extra": [files[name] for name in extra],
            "epochs": 10,
            "chips_per_epoch": 32,
            "match": "pixels",  # the layer holds the SIC of each pixel
            "model": str(folder / "net.safetensors"),
            "report": str(folder / "report.html"),
            **more,
        }
    )
    return execute(job)


@pytest.fixture(scope="module")
def fitted(layers, tmp_path_factory):
    """A network that was trained with the layer that tells the SIC and with noise."""
    folder = tmp_path_factory.mktemp("fitted")
    done, events = train(folder, layers, "tells", "noise")
    return folder, done, events


def predict(files, model, tmp_path, extra, **more):
    job = PredictJob(
        hh=files["hh"],
        hv=files["hv"],
        extra=extra,
        model=str(model),
        output=str(tmp_path / "sic.tif"),
        device="cpu",
        **more,
    )
    done, events = execute(job)
    with rasterio.open(tmp_path / "sic.tif") as dataset:
        return done, events, dataset.read(1)


def test_a_layer_that_tells_the_sic_is_used_and_its_worth_is_shown(fitted, layers, tmp_path):
    folder, done, events = fitted
    alone, _ = train(tmp_path, layers)
    assert done.numbers["VALIDATION_RMSE"] < 0.5 * alone.numbers["VALIDATION_RMSE"]
    card = checkpoint.read_card(str(folder / "net.safetensors"))
    assert card.channels == ("HH", "HV", "tells", "noise")
    assert card.training["inputs"]["tells"] == "tells.tif"
    assert card.std[3] == pytest.approx(1e-4, rel=0.05)
    assert "extra" not in card.training["parameters"]
    worth = card.metrics["channel_importance"]
    mean = {name: np.mean(rises) for name, rises in worth["rises_percent"].items()}
    assert all(len(rises) == 5 for rises in worth["rises_percent"].values())
    assert mean["tells"] > 20 > 10 * max(mean["HH"], mean["HV"], abs(mean["noise"]))
    assert abs(mean["noise"]) < 0.5
    assert worth["rmse_percent"] == pytest.approx(done.numbers["VALIDATION_RMSE"], rel=1e-3)
    assert "Worth of the channels" in events.text
    page = (folder / "report.html").read_text(encoding="utf-8")
    section = page[page.index("What each channel is worth") :]
    rows = re.findall(r"<tr><td>(\w+)</td><td>([\w.]+)</td><td[^>]*>([^<]*)</td>", section)[:4]
    assert rows[0][:2] == ("tells", "tells.tif")
    assert {row[0] for row in rows} == {"HH", "HV", "tells", "noise"}
    assert float(rows[0][2]) == pytest.approx(mean["tells"], abs=0.006)


def test_predict_finds_named_layers_in_any_order(fitted, other, tmp_path):
    model = fitted[0] / "net.safetensors"
    tells, noise = other["tells"], other["noise"]
    _, events, sic = predict(other, model, tmp_path, [tells, noise])
    _, _, swapped = predict(other, model, tmp_path, [noise, tells])
    np.testing.assert_array_equal(sic, swapped)
    assert events.warnings == ""
    with rasterio.open(other["reference"]) as dataset:
        assert np.sqrt(np.mean((sic - dataset.read(1)) ** 2)) < 15


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), r"net\.safetensors was trained with tells, noise; given is none\. Give a layer for"),
        (("noise",), r"trained with tells, noise; given is noise\.tif \(holds noise\)"),
    ],
)
def test_predict_refuses_what_the_network_was_not_trained_with(
    fitted, other, tmp_path, names, message
):
    with pytest.raises(SeaIceError, match=message):
        predict(other, fitted[0] / "net.safetensors", tmp_path, [other[name] for name in names])
    assert not (tmp_path / "sic.tif").exists()


def unnamed(path, folder, name, change=lambda values: values):
    """A copy of a layer whose file does not say what it holds, with other values."""
    with rasterio.open(path) as dataset:
        values = change(dataset.read(1))
    return write_raster(folder / name, values.astype(np.float32), size=PIXEL_M)


def test_unnamed_layers_go_by_their_order_and_what_is_unlike_is_refused(fitted, other, tmp_path):
    model = fitted[0] / "net.safetensors"
    a, b = (unnamed(other[n], tmp_path, f"{n[0]}.tif") for n in ("tells", "noise"))
    _, events, sic = predict(other, model, tmp_path, [a, b])
    assert "t.tif as tells, n.tif as noise, in the order given" in events.warnings
    _, _, expected = predict(other, model, tmp_path, [other["tells"], other["noise"]])
    np.testing.assert_array_equal(sic, expected)
    with pytest.raises(
        SeaIceError,
        match=r"[nt]\.tif: values .* are far from those of the channel [nt].*"
        r" give the extra channels in the order tells, noise",
    ):
        predict(other, model, tmp_path, [b, a])
    # a layer that is named is believed, and warned of
    with rasterio.open(other["tells"]) as dataset:
        kelvin = dataset.read(1) - 1273.15
    wrong = write_raster(tmp_path / "tells.tif", kelvin.astype(np.float32), size=PIXEL_M)
    done, events, _ = predict(other, model, tmp_path, [wrong, other["noise"]])
    assert re.search(r"tells\.tif: values -1\d+.* check its unit", events.warnings)
    assert done.numbers["NOVEL_FRACTION"] > 0.99
    assert re.search(r"tells -1\d+ to -\d+ here, 1[34]\d", events.warnings)


def test_layers_are_aligned_and_pixels_without_them_are_nodata(fitted, other, tmp_path):
    with rasterio.open(other["tells"]) as dataset:
        values = dataset.read(1)
    values[:40] = -9999  # undeclared
    values[40:60] = np.nan
    coarse = values.reshape(40, 4, 50, 4).mean((1, 3))
    path = write_raster(
        tmp_path / "c.tif", coarse, size=4 * PIXEL_M, tags={"SEAICE_QUANTITY": "Tells"}
    )
    done, events, sic = predict(
        other, fitted[0] / "net.safetensors", tmp_path, [other["noise"], path]
    )
    np.testing.assert_array_equal((sic == -9999).all(axis=1), np.arange(160) < 60)
    assert (sic[60:] >= 0).all()
    assert "c.tif: has no value on about 3" in events.warnings
    assert "are exactly -9999" in events.warnings
    assert done.numbers["VALID_FRACTION"] == pytest.approx(100 / 160)


def test_a_network_without_extra_channels_does_not_use_them(layers, other, tmp_path):
    train(tmp_path, layers, epochs=1)
    model = tmp_path / "net.safetensors"
    _, events, sic = predict(other, model, tmp_path, [other["tells"]])
    assert "net.safetensors was trained with none; not used: tells.tif" in events.text
    _, _, expected = predict(other, model, tmp_path, [])
    np.testing.assert_array_equal(sic, expected)


def test_a_constant_layer_is_refused(layers, tmp_path):
    flat = write_raster(tmp_path / "flat.tif", np.full(SHAPE, 7, np.float32), size=PIXEL_M)
    with pytest.raises(SeaIceError, match="flat has the value 7 everywhere on the training part"):
        train(tmp_path, {**layers, "flat": flat}, "flat")


def add(folder, files, extra=(), **more):
    values = {name: files[name] for name in ("hh", "hv", "reference")}
    job = BuildTrainingSetJob(
        **values,
        extra=[files[name] for name in extra],
        training_set=str(folder),
        chip_size=32,
        resolution=PIXEL_M,
        report=str(folder.with_suffix(".html")),
        **more,
    )
    return execute(job)


def test_a_set_keeps_its_extra_channels_and_refuses_scenes_without_them(layers, other, tmp_path):
    folder = tmp_path / "set"
    add(folder, layers, ("tells", "noise"), name="one")
    add(folder, other, ("noise", "tells"), name="two")
    shared = json.loads((folder / "trainingset.json").read_text())
    assert shared["channels"] == ["HH", "HV", "tells", "noise"]
    pixels = np.load(folder / "scenes" / "two" / "pixels.npy")
    with rasterio.open(other["tells"]) as dataset:
        np.testing.assert_array_equal(pixels[..., 2], dataset.read(1))
    with pytest.raises(SeaIceError, match=r"the training set set has tells, noise; given is none"):
        add(folder, other, name="three")
    with pytest.raises(SeaIceError, match=r"the training set set has tells, noise; given is noise"):
        add(folder, other, ("noise",), name="three")
    add(tmp_path / "plain", layers, name="one")
    with pytest.raises(SeaIceError, match="the scene has HH, HV, tells, the training set HH, HV"):
        add(tmp_path / "plain", other, ("tells",), name="two")
    page = folder.with_suffix(".html").read_text(encoding="utf-8")
    assert ">tells mean<" in page
    model, report = str(tmp_path / "net.safetensors"), str(tmp_path / "report.html")
    values = {**QUICK, "footprint": None, "resolution": None, "chips_per_epoch": 32, "epochs": 8}
    done, events = execute(
        TrainJob.from_dict(
            {**values, "training_set": str(folder), "model": model, "report": report}
        )
    )
    card = checkpoint.read_card(model)
    assert card.channels == ("HH", "HV", "tells", "noise")
    rises = card.metrics["channel_importance"]["rises_percent"]
    assert np.mean(rises["tells"]) > 5 * abs(np.mean(rises["noise"]))
    assert "of the scene" not in events.warnings
    # the whole of another scene was predicted
    assert done.numbers["VALIDATION_RMSE"] < 25


def test_fine_tuning_needs_the_same_extra_channels(fitted, other, tmp_path):
    more = {"initial_model": str(fitted[0] / "net.safetensors"), "epochs": 1}
    done, _ = train(tmp_path, other, "noise", "tells", **more)
    assert checkpoint.read_card(done.outputs["MODEL"]).channels == ("HH", "HV", "tells", "noise")
    with pytest.raises(SeaIceError, match=r"net\.safetensors was trained with tells, noise; given"):
        train(tmp_path, other, "noise", **more)


def test_open_water_needs_the_extra_channels_too(layers, other, tmp_path):
    water = {"water_hh": other["hh"], "water_hv": other["hv"]}
    with pytest.raises(SeaIceError, match="the network learns from tells; given is none"):
        train(tmp_path, layers, "tells", **water, epochs=100_000)
    done, _ = train(
        tmp_path, layers, "tells", **water, water_extra=[other["noise"], other["tells"]], epochs=1
    )
    assert "WATER_ICE_SHARE" in done.numbers
    with pytest.raises(JobError, match="Open water: give HH and HV"):
        TrainJob(hh="a.tif", hv="b.tif", reference="c.tif", water_extra="d.tif", model="x")


def test_networks_are_compared_with_extra_channels(layers, tmp_path):
    job = CompareNetworksJob(
        **{name: layers[name] for name in ("hh", "hv", "reference")},
        extra=[layers["tells"]],
        architecture=["same_resolution_cnn"],
        dropout=[0],
        seeds=1,
        report=str(tmp_path / "compared.html"),
        **{k: v for k, v in QUICK.items() if k not in ("filters", "depth", "refit")},
        filters=[4],
        depth=[2],
        epochs=6,
        chips_per_epoch=32,
    )
    execute(job)
    (line,) = (tmp_path / "compared.runs.jsonl").read_text().splitlines()
    run = json.loads(line)
    found = json.dumps(run)
    assert '"rmse_percent"' in found
    best = re.search(r'"rmse_percent": \{"?validation"?: ([\d.]+)', found) or re.search(
        r'"validation": ([\d.]+)', found
    )
    assert float(best[1]) < 25


def test_a_training_set_takes_the_place_of_extra_layers():
    with pytest.raises(JobError, match="Training set and Extra channels are both given"):
        TrainJob(training_set="set", extra=["a.tif"], model="net")
