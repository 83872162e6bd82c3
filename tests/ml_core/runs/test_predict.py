import numpy as np
import pytest
import rasterio
import torch

from ml_core import networks
from ml_core.errors import CancelledError, SeaIceError
from ml_core.jobs import PredictJob
from ml_core.networks import NetworkConfig
from ml_core.networks.classes import SicClasses
from ml_core.prediction.training_distribution import TrainingDistribution
from tests.builders.jobs import execute
from tests.builders.models import card_of, random_state, replace, sea_ice
from tests.builders.rasters import write_raster
from tests.builders.trainingsets import retag

SMALL = NetworkConfig(filters=4, depth=2)


@pytest.fixture
def predict(tmp_path, recorder):
    """A function that runs a job and returns what it is done with and the written SIC."""

    def call(cancelled=lambda: False, **parameters):
        output = str(tmp_path / "sic.tif")
        job = PredictJob(output=output, **parameters)
        done, _ = execute(job, cancelled, recorder)
        with rasterio.open(output) as dataset:
            return done, dataset.read(1), dataset.profile, dataset.tags()

    return call


def left(tmp_path):
    """Files that are neither input nor model."""
    known = ("hh.tif", "hv.tif", "ia.tif", "mask.tif")
    return [
        p.name for p in tmp_path.iterdir() if p.name not in known and p.suffix != ".safetensors"
    ]


def mirrored(x, shape):
    """An image (C, h, w) as a batch of a size that a network takes, mirrored at its end."""
    beyond = [(0, size - had) for size, had in zip(shape, x.shape[1:])]
    return np.pad(x, [(0, 0), *beyond], mode="symmetric").astype(np.float32)[None]


def test_a_network_that_bfloat16_would_spoil_is_computed_in_float32(
    predict, trained, model_file, scene_files, recorder, monkeypatch
):
    card, state = trained
    values, _ = sea_ice((700, 610), seed=9)
    values[:, :100, :80] = np.nan
    seen = TrainingDistribution.of(values[:, 300:].reshape(2, -1).T, card.channels)
    card = replace(card, training={**card.training, "domain": seen.to_dict()})
    files = {**scene_files(values), "model": model_file(card, state), "runtime": "openvino"}
    monkeypatch.setattr("ml_core.prediction.precision.MOST_RMSE_PERCENT", 100)
    usual, fast, _, tags = predict(**files)
    if tags["SEAICE_PRECISION"] == "float32":
        pytest.skip("this processor computes in float32 anyway")
    monkeypatch.setattr("ml_core.prediction.precision.MOST_RMSE_PERCENT", 0)
    done, exact, _, tags = predict(**files)
    assert tags["SEAICE_PRECISION"] == "float32"
    assert any("it is computed in float32" in text for text in recorder.texts())
    assert 0 < np.sqrt(np.mean(np.square(exact - fast))) < 1
    # the first tile was read for either precision, but counts once
    assert done.numbers["VALID_FRACTION"] == usual.numbers["VALID_FRACTION"]
    assert done.numbers["NOVEL_FRACTION"] == usual.numbers["NOVEL_FRACTION"]
    assert 0 < done.numbers["NOVEL_FRACTION"] < 1


def test_the_map_is_the_networks_output_on_the_scene(predict, trained, model_file, scene_files):
    card, state = trained
    values, ice = sea_ice((700, 610), seed=9)
    values[:, :100, :80] = np.nan
    done, sic, profile, tags = predict(
        **scene_files(values), model=model_file(card, state), runtime="openvino"
    )
    config = NetworkConfig.from_dict(card.network)
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (card.mean, card.std))
    x = mirrored(np.nan_to_num((values - mean) / std), (704, 624))
    with torch.no_grad():
        y = networks.restore(config, state)(torch.from_numpy(x)).numpy()[0, 0, :700, :610]
    valid = np.isfinite(values[0])
    assert np.array_equal(sic == -9999, ~valid)
    difference = sic[valid] - np.clip(100 * y, 0, 100)[valid]
    assert np.sqrt(np.mean(difference**2)) < 0.3
    assert sic[valid].min() >= 0
    assert sic[valid].max() <= 100
    # the network has learnt something, so that the comparison means something
    assert np.corrcoef(sic[valid], ice[valid])[0, 1] > 0.8
    assert done.outputs == {"OUTPUT": done.outputs["OUTPUT"]}
    assert done.numbers["MEAN_SIC"] == pytest.approx(sic[valid].mean(), abs=0.01)
    assert done.numbers["VALID_FRACTION"] == pytest.approx(valid.mean())
    assert (profile["dtype"], profile["nodata"], profile["tiled"]) == ("float32", -9999, True)
    assert tags["SEAICE_MODEL"] == "net.safetensors"
    assert tags["SEAICE_RUNTIME"].startswith("OpenVINO")
    assert tags["SEAICE_PRECISION"] in ("bfloat16", "float32")
    assert tags["SEAICE_RESOLUTION_M"] == "40"


def test_the_scene_is_averaged_to_the_networks_resolution(predict, model_file, scene_files):
    values, _ = sea_ice((200, 160))
    model = model_file(card_of(SMALL, resolution_m=160.0), random_state(SMALL))
    _, sic, profile, _ = predict(**scene_files(values), model=model)
    assert sic.shape == (50, 40)
    assert profile["transform"].a == 160


def test_a_scene_coarser_than_the_network_is_warned_of(predict, model_file, scene_files, recorder):
    values, _ = sea_ice((100, 100))
    model = model_file(card_of(SMALL, resolution_m=40.0), random_state(SMALL))
    predict(**scene_files(values, size=100.0), model=model)
    assert "pixels of 100 m, the network was trained at 40 m" in recorder.texts("warning")[0]


def test_classes_give_the_expected_sic(predict, model_file, scene_files):
    classes = SicClasses.between([50])
    config = NetworkConfig(filters=4, depth=2, out_channels=2)
    state = random_state(config)
    state["layers.output.weight"] *= 0
    # scores of 0 and log 3: probabilities 1/4 and 3/4 of 25 % and 75 %
    state["layers.output.bias"] = np.array([0, np.log(3)], dtype=np.float32)
    card = card_of(config, task="classes", classes=classes.to_dict())
    _, sic, _, _ = predict(**scene_files(sea_ice((100, 90))[0]), model=model_file(card, state))
    assert sic == pytest.approx(np.full((100, 90), 0.25 * 25 + 0.75 * 75), abs=0.3)


def test_the_class_map_shows_the_most_likely_class_with_its_legend(
    predict, model_file, scene_files, tmp_path
):
    classes = SicClasses.between([15, 80])
    config = NetworkConfig(filters=4, depth=2, out_channels=3)
    card, state = card_of(config, task="classes", classes=classes.to_dict()), random_state(config)
    values, _ = sea_ice((180, 150))
    values[:, :20, :30] = np.nan
    path = str(tmp_path / "classes.tif")
    done, sic, _, _ = predict(
        **scene_files(values), model=model_file(card, state), runtime="torch", class_map=path
    )
    assert done.outputs["CLASS_MAP"] == path
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (card.mean, card.std))
    x = mirrored(np.nan_to_num((values - mean) / std), (180, 152))
    with torch.no_grad():
        scores = networks.restore(config, state)(torch.from_numpy(x)).numpy()[0, :, :, :150]
    with rasterio.open(path) as dataset:
        found = dataset.read(1)
        assert (dataset.profile["dtype"], dataset.nodata) == ("uint8", 255)
        colours = dataset.colormap(1)
        assert dataset.overviews(1) == []
    assert np.array_equal(found == 255, sic == -9999)
    valid = found != 255
    low, second, best = np.sort(scores, axis=0)
    clear = valid & (best - second > 0.1 * (best - low))  # no tie within bfloat16
    assert clear[valid].mean() > 0.8
    assert np.array_equal(found[clear], scores.argmax(0)[clear])
    assert len(np.unique(found[valid])) > 1
    assert len({colours[k] for k in range(3)}) == 3
    assert colours[0][:3] == (149, 206, 244)  # water is blue
    with open(f"{path}.aux.xml", encoding="utf-8") as stream:
        text = stream.read()
    for label in classes.labels:
        assert f"<Category>{label}</Category>" in text


def test_a_regression_has_no_class_map(predict, model_file, scene_files, tmp_path):
    values, _ = sea_ice((80, 80))
    model = model_file(card_of(SMALL), random_state(SMALL))
    with pytest.raises(SeaIceError, match=r"net\.safetensors gives SIC and no classes"):
        predict(**scene_files(values), model=model, class_map=str(tmp_path / "classes.tif"))
    assert left(tmp_path) == []


def test_a_mask_leaves_nodata(predict, model_file, scene_files, tmp_path):
    values, _ = sea_ice((100, 90))
    mask = np.ones((100, 90), dtype=np.uint8)
    mask[:50] = 0
    done, sic, _, _ = predict(
        **scene_files(values),
        mask=write_raster(tmp_path / "mask.tif", mask),
        model=model_file(card_of(SMALL), random_state(SMALL)),
    )
    assert (sic[:50] == -9999).all()
    assert (sic[50:] >= 0).all()
    assert done.numbers["VALID_FRACTION"] == 0.5


def test_the_incidence_angle_is_used_or_ignored_as_the_network_was_trained(
    predict, model_file, scene_files, tmp_path, recorder
):
    files = scene_files(sea_ice((100, 90))[0])
    angle = write_raster(tmp_path / "ia.tif", np.full((10, 9), 30, dtype=np.float32), size=400)
    with_angle = NetworkConfig(in_channels=3, filters=4, depth=2)
    model = model_file(card_of(with_angle), random_state(with_angle), "angle.safetensors")
    predict(**files, incidence=angle, model=model)
    plain = model_file(card_of(SMALL), random_state(SMALL))
    predict(**files, incidence=angle, model=plain)
    assert "net.safetensors was trained with HH, HV; the incidence angle is not used" in (
        recorder.texts("info")
    )


def test_channels_are_taken_in_the_networks_order(predict, model_file, scene_files):
    values, _ = sea_ice((64, 64))
    config = NetworkConfig("same_resolution_cnn", filters=2, depth=1, kernel_size=1)
    state = random_state(config)
    files = scene_files(values)
    _, expected, _, _ = predict(**files, model=model_file(card_of(config), state))
    card = card_of(config)
    turned = replace(card, channels=("HV", "HH"), mean=card.mean[::-1], std=card.std[::-1])
    first = next(name for name in state if state[name].ndim == 4)
    state = {**state, first: np.ascontiguousarray(state[first][:, ::-1])}
    _, found, _, _ = predict(**files, model=model_file(turned, state, "turned.safetensors"))
    np.testing.assert_allclose(found, expected, atol=0.3)


def test_the_map_records_what_it_was_made_from(predict, model_file, scene_files):
    config = NetworkConfig("same_resolution_cnn", filters=2, depth=1, kernel_size=1)
    files = scene_files(sea_ice((64, 64))[0], tags={"SEAICE_START": "2024-03-01T12:00:00"})
    *_, tags = predict(**files, model=model_file(card_of(config), random_state(config)))
    assert tags["SEAICE_START"] == "2024-03-01T12:00:00"
    assert tags["SEAICE_MODEL"] == "net.safetensors"


def test_cancelling_leaves_nothing(predict, model_file, scene_files, tmp_path):
    files = scene_files(sea_ice((300, 300))[0])
    model = model_file(card_of(SMALL), random_state(SMALL))
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(CancelledError):
        predict(cancelled, **files, model=model, tile_size=64)
    assert left(tmp_path) == []


def test_a_damaged_layer_leaves_nothing(predict, model_file, scene_files, tmp_path):
    files = scene_files(sea_ice((900, 900))[0], tiled=True, blockxsize=256, blockysize=256)
    with open(files["hv"], "r+b") as file:
        file.seek(1_500_000)
        file.truncate()
    model = model_file(card_of(SMALL), random_state(SMALL))
    with pytest.raises(SeaIceError, match=r"hv\.tif: .*(damaged|cannot open)"):
        predict(**files, model=model)
    assert left(tmp_path) == []


@pytest.mark.parametrize("compression", ["deflate", "zstd", "lerc"])
def test_the_output_is_compressed_as_asked(predict, model_file, scene_files, compression):
    files = scene_files(sea_ice((300, 300))[0])
    _, _, profile, _ = predict(
        **files, model=model_file(card_of(SMALL), random_state(SMALL)), compression=compression
    )
    assert profile["compress"] == {"lerc": "lerc_zstd"}.get(compression, compression)


@pytest.fixture
def learnt(model_file):
    """A network that was trained on a scene with these tags."""

    def learnt(**tags):
        training = {"acquisition": tags} if tags else {}
        return model_file(card_of(SMALL, training=training), random_state(SMALL))

    return learnt


def test_a_scene_whose_noise_was_handled_otherwise_is_refused(
    predict, learnt, scene_files, tmp_path
):
    values, _ = sea_ice((96, 96))
    model = learnt(SEAICE_NOISE="ESA, range", SEAICE_NOISE_CROSSPOL="scaled, range")
    files = scene_files(values, tags={"SEAICE_NOISE": "ESA, range"})
    with pytest.raises(SeaIceError) as caught:
        predict(**files, model=model, runtime="torch")
    assert str(caught.value) == (
        "hh.tif: the thermal noise of HV was handled as esa, that of the scenes that"
        " net.safetensors was trained on as scaled. Open water would look several dB brighter or"
        " darker than there; import the scene again with Thermal noise = scaled"
    )
    assert not left(tmp_path)
    retag(files["hv"], SEAICE_NOISE="scaled, range and azimuth")
    _, _, _, tags = predict(**files, model=model, runtime="torch")
    assert tags["SEAICE_NOISE_CROSSPOL"] == "scaled, range and azimuth"


def test_what_the_training_never_saw_is_warned_of_once(predict, learnt, scene_files, recorder):
    values, _ = sea_ice((96, 96))
    seen = {"SEAICE_MODE": "EW", "SEAICE_PLATFORM": "S1A", "SEAICE_NOISE": "none"}
    files = scene_files(values, tags={**seen, "SEAICE_PLATFORM": "S1D"})
    predict(**files, model=learnt(**seen), runtime="torch")
    (line,) = (text for text in recorder.texts("warning") if "trained on" in text)
    assert "hh.tif: differs from the scenes that net.safetensors was trained on" in line
    assert "platform S1D (S1A)" in line


def test_unknown_noise_handling_is_noted_where_the_networks_is_known(
    predict, learnt, scene_files, recorder
):
    files = scene_files(sea_ice((96, 96))[0])
    predict(**files, model=learnt(), runtime="torch")
    assert "thermal noise" not in recorder.text
    predict(**files, model=learnt(SEAICE_NOISE="ESA, range"), runtime="torch")
    (line,) = (text for text in recorder.texts() if "thermal noise" in text)
    assert "hh.tif: how its thermal noise was handled is unknown; that of the scenes" in line
