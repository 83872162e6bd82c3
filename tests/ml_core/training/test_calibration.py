import dataclasses

import numpy as np
import pytest
import rasterio
from scipy.ndimage import gaussian_filter

from ml_core import checkpoint
from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import EvaluateJob, PredictJob, TrainJob
from ml_core.jobs.predict import HALF_WIDTH_BAND, LOWER_BAND, UPPER_BAND
from ml_core.prediction.calibration import LEAST_PARTS, SOURCES, Calibrated, Calibration
from ml_core.prediction.training_distribution import TrainingDistribution
from ml_core.training.calibration import _cuts, _reason
from tests.builders.jobs import execute
from tests.builders.rasters import write_raster
from tests.builders.scenes import ice, write_scene


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    return write_scene(folder, ice((160, 160), 8, seed=3), size=500.0, coarse=8)


@pytest.fixture(scope="module")
def train(layers, tmp_path_factory):
    def train(**more):
        model = str(tmp_path_factory.mktemp("model") / "net.safetensors")
        values = {
            **layers,
            "resolution": 0,
            "chip_size": 32,
            "filters": 4,
            "depth": 2,
            "epochs": 3,
            "chips_per_epoch": 16,
            "learning_rate": 0.02,
            "device": "cpu",
            "model": model,
        }
        execute(TrainJob.from_dict({**values, **more}))
        return model

    return train


@pytest.fixture(scope="module")
def single(train):
    return train(dropout=0.3)


@pytest.fixture(scope="module")
def folded(train):
    return train(dropout=0.3, folds=3)


@pytest.fixture(scope="module")
def ensemble(train):
    return train(members=3)


def predicted(layers, model, tmp_path, **more):
    paths = {name: str(tmp_path / f"{name}.tif") for name in ("output", "uncertainty")}
    scene = {name: layers[name] for name in ("hh", "hv")}
    job = PredictJob(model=model, **scene, **{**paths, **more})
    done, events = execute(job)
    rasters = {}
    for name, path in paths.items():
        try:
            with rasterio.open(path) as dataset:
                rasters[name] = dataset.read(masked=True), dataset.transform, dataset.tags()
        except rasterio.errors.RasterioIOError:
            continue
    return done, events.texts(), rasters


def test_a_card_holds_the_calibration_and_the_training_distribution(single):
    card = checkpoint.read_card(single)
    found = card.calibration
    assert found["source"] in SOURCES
    assert set(found["gains"]) == {"dropout", "network"}
    assert (found["networks"], found["noun"]) == (16, "blocks")
    assert found["calibrated"] is (found["parts"] >= LEAST_PARTS)
    assert found["footprints"] > 1
    assert len(found["lower_percent"]) == len(found["upper_percent"]) == 5
    assert min(found["lower_percent"] + found["upper_percent"]) > 0
    domain = TrainingDistribution.from_dict(card.training["domain"])
    assert domain.counts.sum() > 10_000
    assert -20 < domain.median_db[0] < -8


def test_folds_give_enough_blocks_to_calibrate(folded, layers, tmp_path):
    found = checkpoint.read_card(folded).calibration
    assert found["parts"] >= LEAST_PARTS
    assert found["calibrated"] is True
    assert found["reason"] == ""
    assert 0.6 < found["coverage_of_parts_left_out"] <= 1
    _, messages, rasters = predicted(layers, folded, tmp_path)
    said = f"calibrated on {found['parts']} validation blocks; it held"
    assert any(said in text for text in messages)
    tags = rasters["uncertainty"][2]
    assert tags["SEAICE_CALIBRATED"] == "yes"
    assert "SEAICE_NOT_CALIBRATED" not in tags
    paths = {name: str(tmp_path / f"{name}.tif") for name in ("output", "uncertainty")}
    done, _ = execute(
        EvaluateJob(
            prediction=paths["output"],
            reference=layers["reference"],
            uncertainty=paths["uncertainty"],
            footprint=4000.0,
        )
    )
    assert 0.7 < done.numbers["COVERAGE_90"] <= 1
    half = rasters["uncertainty"][0][2]
    assert done.numbers["INTERVAL_WIDTH"] == pytest.approx(2 * half.mean(), rel=0.2)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(("parts", "noun"), [(1, "block"), (8, "blocks"), (8, "scenes")])
def test_too_few_parts_are_no_calibration(parts, noun, folded):
    found = Calibrated(Calibration(), parts, 0.9, 10.0, {})
    reason = _reason(found, noun, folded)
    assert reason.startswith(f"only {parts} validation {noun} could check it, of at least 9; train")
    assert ("Cross-validation folds" in reason) is not folded
    assert reason.endswith("on a set of more scenes")
    assert not _reason(dataclasses.replace(found, parts=LEAST_PARTS), noun, folded)


def test_the_training_report_says_whether_the_uncertainty_is_calibrated(train, tmp_path):
    train(dropout=0.3, report=str(tmp_path / "report.html"))
    text = " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
    assert "90 % interval of means over a footprint follows from" in text


def test_without_validation_nothing_is_calibrated(train):
    assert checkpoint.read_card(train(validation_fraction=0.0)).calibration is None


def test_the_uncertainty_is_an_interval_on_cells_of_an_eighth_of_the_footprint(
    single, layers, tmp_path
):
    done, _, rasters = predicted(layers, single, tmp_path)
    (lower, upper, half, novel), transform, tags = rasters["uncertainty"]
    assert transform.a == 500  # 4 km / 8
    assert lower.shape == (160, 160)
    assert lower.min() >= 0
    assert upper.max() <= 100
    np.testing.assert_allclose(half, (upper - lower) / 2, atol=1e-4)
    assert half.min() > 0
    assert novel.max() <= 100
    with rasterio.open(tmp_path / "uncertainty.tif") as dataset:
        assert dataset.descriptions[:3] == (LOWER_BAND, UPPER_BAND, HALF_WIDTH_BAND)
        assert set(dataset.units) == {"%"}
    assert tags["SEAICE_FOOTPRINT_M"] == "4000"
    assert done.numbers["MEAN_UNCERTAINTY"] == pytest.approx(half.mean(), rel=1e-4)
    assert done.numbers["NOVEL_FRACTION"] < 0.05


def test_the_interval_is_around_the_footprint_means_of_the_map(single, layers, tmp_path):
    _, _, rasters = predicted(layers, single, tmp_path)
    (lower, upper, _, _), _, _ = rasters["uncertainty"]
    sic = rasters["output"][0][0].filled(np.nan)
    sigma = 8 / (2 * np.sqrt(2 * np.log(2)))
    means = gaussian_filter(sic, sigma)[24:-24, 24:-24]
    inside = (slice(24, -24),) * 2
    assert (lower[inside] <= means + 0.5).all()
    assert (upper[inside] >= means - 0.5).all()


def test_the_map_is_the_same_with_and_without_uncertainty(single, layers, tmp_path):
    _, _, first = predicted(layers, single, tmp_path)
    _, _, second = predicted(layers, single, tmp_path / "..", uncertainty=None)
    # two graphs, each rounded in bfloat16; by how much depends on the processor's arithmetic
    np.testing.assert_allclose(first["output"][0], second["output"][0], atol=1.0)


def test_an_ensemble_predicts_the_mean_of_its_members(ensemble, layers, tmp_path):
    card, tensors = checkpoint.load(ensemble)
    assert checkpoint.member_count(tensors) == 3
    assert set(card.calibration["gains"]) == {"ensemble", "network"}
    path = with_source(ensemble, tmp_path, "ensemble")
    _, messages, rasters = predicted(layers, path, tmp_path, runtime="torch")
    assert any("an ensemble of 3 networks predicts" in text for text in messages)
    alone = []
    for number in range(3):
        path = str(tmp_path / f"member{number}.safetensors")
        state = checkpoint.member(tensors, number)
        checkpoint.save(path, {f"member0.{name}": value for name, value in state.items()}, card)
        _, _, one = predicted(layers, path, tmp_path, runtime="torch", uncertainty=None)
        alone.append(one["output"][0][0])
    np.testing.assert_allclose(rasters["output"][0][0], np.mean(alone, axis=0), atol=0.3)
    assert np.std(alone, axis=0).max() > 0.1
    said = "90 % interval by the SIC and an ensemble's members, 3 networks"
    assert rasters["uncertainty"][2]["SEAICE_UNCERTAINTY"] == said


@pytest.mark.parametrize("source", ["sic", "dropout"])
def test_networks_are_drawn_only_where_the_uncertainty_follows_from_them(
    single, layers, tmp_path, source
):
    path = with_source(single, tmp_path, source)
    _, _, rasters = predicted(layers, path, tmp_path, samples=4)
    tags = rasters["uncertainty"][2]
    assert ("4 networks" in tags["SEAICE_UNCERTAINTY"]) is (source == "dropout")
    half, sic = rasters["uncertainty"][0][2], rasters["output"][0][0]
    assert half.max() > half.min()
    assert sic.max() > sic.min()


def test_a_calibration_on_too_few_parts_is_said_with_every_map(single, layers, tmp_path):
    reason = "only 5 validation blocks could check it"
    path = with_source(single, tmp_path, "sic", calibrated=False, reason=reason)
    _, messages, rasters = predicted(layers, path, tmp_path)
    tags = rasters["uncertainty"][2]
    assert tags["SEAICE_CALIBRATED"] == "no"
    assert tags["SEAICE_NOT_CALIBRATED"] == reason
    assert f"The uncertainty is not calibrated: {reason}" in messages


def with_source(model, folder, source, **more):
    """Write a copy of a network whose uncertainty follows from a source."""
    card, tensors = checkpoint.load(model)
    scale = 0.0 if source == "sic" else 1.0
    found = {**card.calibration, "source": source, "scale": scale, **more}
    path = str(folder / f"{source}.safetensors")
    checkpoint.save(path, tensors, dataclasses.replace(card, calibration=found))
    return path


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_the_second_output_gives_the_uncertainty_in_one_pass(single, layers, tmp_path, runtime):
    path = with_source(single, tmp_path, "network", scale=1.0, lower_percent=[0.0])
    if runtime == "openvino":
        pytest.importorskip("openvino")
    _, _, rasters = predicted(layers, path, tmp_path, runtime=runtime)
    said = "90 % interval by the SIC and the network's second output"
    assert rasters["uncertainty"][2]["SEAICE_UNCERTAINTY"] == said
    lower, upper, half, _ = rasters["uncertainty"][0]
    assert half.max() > half.min() > 0
    # below there is nothing but its scale, which is within 0.2 and 100 %
    inside = (lower > 0) & (upper < 100)
    assert (upper - lower)[inside].min() > 0.2
    if runtime == "torch":
        _, _, other = predicted(layers, path, tmp_path, runtime="openvino")
        np.testing.assert_allclose(other["uncertainty"][0][2], half, atol=1.0)


def test_an_ensemble_gives_the_mean_of_its_second_outputs(ensemble, layers, tmp_path):
    path = with_source(
        ensemble, tmp_path, "network", scale=1.0, lower_percent=[0.0], upper_percent=[0.0]
    )
    _, _, rasters = predicted(layers, path, tmp_path, runtime="torch")
    card, tensors = checkpoint.load(path)
    alone = []
    for number in range(3):
        model = str(tmp_path / f"member{number}.safetensors")
        state = checkpoint.member(tensors, number)
        checkpoint.save(model, {f"member0.{name}": value for name, value in state.items()}, card)
        _, _, one = predicted(layers, model, tmp_path, runtime="torch")
        alone.append(one)
    lowers, uppers = (np.mean([one["uncertainty"][0][k] for one in alone], 0) for k in (0, 1))
    lower, upper, _, _ = rasters["uncertainty"][0]
    inside = (lowers > 1) & (uppers < 99)
    for one in alone:
        inside &= (one["uncertainty"][0][0] > 0) & (one["uncertainty"][0][1] < 100)
    if inside.any():
        np.testing.assert_allclose((upper - lower)[inside], (uppers - lowers)[inside], atol=0.5)


def test_a_network_that_was_not_validated_says_what_it_estimates(train, layers, tmp_path):
    model = train(dropout=0.0, validation_fraction=0.0)
    _, messages, rasters = predicted(layers, model, tmp_path)
    assert any("The uncertainty is not calibrated: nothing is known" in text for text in messages)
    tags = rasters["uncertainty"][2]
    assert tags["SEAICE_CALIBRATED"] == "no"
    assert tags["SEAICE_UNCERTAINTY"].endswith("second output")


def test_an_uncertainty_that_cannot_be_had_is_an_error(train, layers, tmp_path):
    model = train(dropout=0.0, validation_fraction=0.0, match="pixels")
    with pytest.raises(SeaIceError, match="says nothing of its errors, and it has no dropout"):
        predicted(layers, model, tmp_path)
    assert not (tmp_path / "uncertainty.tif").exists()


def test_a_network_without_dropout_has_an_uncertainty_by_its_sic(train, layers, tmp_path):
    model = train(dropout=0.0, match="pixels")
    assert checkpoint.read_card(model).calibration["source"] == "sic"
    _, _, rasters = predicted(layers, model, tmp_path)
    assert rasters["uncertainty"][2]["SEAICE_UNCERTAINTY"] == "90 % interval by the SIC alone"


def test_a_network_that_was_not_validated_is_warned_of(train, layers, tmp_path):
    _, messages, rasters = predicted(
        layers, train(dropout=0.3, validation_fraction=0.0, match="pixels"), tmp_path, samples=4
    )
    assert any("The uncertainty is not calibrated: nothing is known" in text for text in messages)
    tags = rasters["uncertainty"][2]
    assert tags["SEAICE_CALIBRATED"] == "no"
    assert tags["SEAICE_UNCERTAINTY"].endswith("networks drawn by dropout, 4 networks")


def test_a_file_of_an_earlier_version_is_read_and_not_trusted(single, layers, tmp_path):
    card, tensors = checkpoint.load(single)
    old = {"method": "dropout", "scale": 1.0, "floors_percent": [5.0], "footprints": 3}
    model = str(tmp_path / "net.safetensors")
    checkpoint.save(model, tensors, dataclasses.replace(card, calibration=old))
    _, messages, rasters = predicted(layers, model, tmp_path)
    assert any("an earlier version fitted it" in text for text in messages)
    lower, upper, half, _ = rasters["uncertainty"][0]
    assert half[(lower > 0) & (upper < 100)].min() >= 1.64 * 5


def test_pieces_of_a_fold_are_apart_and_no_smaller_than_asked():
    for length in range(1, 200):
        pieces = _cuts(length, 20, 10)
        assert len(pieces) == max(1, (length + 10) // 30)
        ends = [start + size for start, size in pieces]
        assert pieces[0][0] == 0
        assert length - 1 <= ends[-1] <= length + 1
        if len(pieces) > 1:
            assert min(size for _, size in pieces) >= 20
            gaps = [start - end for (start, _), end in zip(pieces[1:], ends, strict=False)]
            assert min(gaps) >= 9


def test_a_scene_unlike_the_training_is_warned_of(single, layers, tmp_path):
    with rasterio.open(layers["hh"]) as dataset:
        bright = write_raster(tmp_path / "bright.tif", dataset.read(1) + 12, size=500.0)
    done, messages, _ = predicted({**layers, "hh": bright}, single, tmp_path)
    assert done.numbers["NOVEL_FRACTION"] > 0.5
    assert any("of the scene's pixels are unlike what the network was" in text for text in messages)


def test_members_and_folds_do_not_go_together(layers):
    with pytest.raises(JobError, match="Members and Cross-validation folds do not go together"):
        TrainJob.from_dict({**layers, "model": "net.safetensors", "members": 2, "folds": 3})
