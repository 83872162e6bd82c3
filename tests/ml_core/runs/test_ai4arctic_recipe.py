"""The recipe for the AI4Arctic challenge, as an analyst runs it, on small made-up files."""

import csv
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ml_core import checkpoint, networks
from ml_core.evaluation.autoice import AutoIceScore
from ml_core.networks import NetworkConfig
from tests.builders.ai4arctic import MadeUpArctic, enlarged

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "resources" / "recipes" / "ai4arctic_challenge.py"

SMALL = (
    *("ARCHITECTURE=same_resolution_cnn", "FILTERS=4", "DEPTH=2", "DROPOUT=0", "EPOCHS=2"),
    *("CHIPS_PER_EPOCH=40", "CHIP_SIZE=32", "VALIDATION_FRACTION=0.34"),
)


def scenes(count, first=0):
    days = [f"201801{number + 1:02d}T194759" for number in range(first, first + count)]
    return [
        MadeUpArctic(seed=int(day[6:8]), product=f"S1A_EW_GRDM_1SDH_{day}_{day}_020301_022AA4_1F75")
        for day in days
    ]


def recipe(*arguments):
    return subprocess.run(
        [sys.executable, str(RECIPE), *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of a run, its test scenes and what it printed."""
    folder = tmp_path_factory.mktemp("challenge")
    for name in ("train", "test"):
        (folder / name).mkdir()
    for scene in scenes(3):
        scene.ready(folder / "train")
    tests = scenes(2, 3)
    for scene in tests:
        scene.ready(folder / "test", apart=True)
    channels = "AI4ARCTIC_CHANNELS=incidence_angle,btemp_36_5h"
    done = recipe(folder / "train", folder / "test", folder / "out", channels, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder, tests, done.stdout


def mapped(model, scene):
    """Return what the network gives of a scene's own values, and what can be compared."""
    card, tensors = checkpoint.load(str(model))
    assert card.channels == ("HH", "HV", "incidence_angle", "btemp_36_5h")
    half = [length // 2 for length in scene.shape]
    mean = [
        image.reshape(half[0], 2, half[1], 2).mean((1, 3))
        for image in (*scene.images_db, scene.angle_deg)
    ]
    land = scene.land.reshape(half[0], 2, half[1], 2).any((1, 3))
    values = np.stack([*mean, enlarged(scene.btemp("btemp_36_5h"), half)])
    valid = np.isfinite(values).all(0) & ~land
    scale = [np.array(each)[:, None, None] for each in (card.mean, card.std)]
    x = np.where(valid, (values - scale[0]) / scale[1], 0).astype(np.float32)
    network = networks.build(NetworkConfig.from_dict(card.network)).eval()
    state = {k: torch.from_numpy(v) for k, v in checkpoint.member(tensors, 0).items()}
    network.load_state_dict(state)
    with torch.inference_mode():
        fraction = network(torch.from_numpy(x)[None])[0, 0].numpy()
    return 100 * np.clip(fraction, 0, 1), valid


def test_the_challenges_r2_is_that_of_the_pixels_themselves(ran):
    folder, tests, text = ran
    predicted, chart = [], []
    for scene in tests:
        sic, valid = mapped(folder / "out" / "ai4arctic.safetensors", scene)
        predicted += np.floor(sic[valid] / 10 + 0.5).tolist()
        chart += scene.classes()[valid].tolist()
    predicted, chart = np.array(predicted), np.array(chart)
    r2 = 1 - ((chart - predicted) ** 2).sum() / ((chart - chart.mean()) ** 2).sum()
    found = re.search(
        r"R2 of the AutoICE challenge: (-?[\d.]+) % \((\d+) pixels of 2 scenes\)", text
    )
    assert int(found[2]) == len(chart)
    assert float(found[1]) == pytest.approx(100 * r2, abs=0.5)  # it predicts in bfloat16
    assert "RMSE by pixel" in text
    assert re.search(r"RMSE of \d+ areas of one SIC", text)
    assert "no interval for fewer than 20 scenes" in text
    assert "do not set this R2 beside" not in text


def test_the_errors_of_each_scene_are_written(ran):
    folder, tests, _ = ran
    with open(folder / "out" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scene"] for row in rows] == [scene.stem for scene in tests]
    sic, valid = mapped(folder / "out" / "ai4arctic.safetensors", tests[0])
    error = sic[valid] - 10.0 * tests[0].classes()[valid]
    assert float(rows[0]["rmse_percent"]) == pytest.approx(np.sqrt((error**2).mean()), rel=0.02)
    assert float(rows[0]["bias_percent"]) == pytest.approx(error.mean(), abs=0.3)
    assert (folder / "out" / "training.html").is_file()


def test_it_can_be_started_again(ran):
    folder, _, text = ran
    model = folder / "out" / "ai4arctic.safetensors"
    before = model.read_bytes()
    again = recipe(folder / "train", folder / "test", folder / "out", *again_arguments())
    assert f"{model}: there already" in again.stdout
    assert text.splitlines()[-4:] == again.stdout.splitlines()[-4:]
    assert again.stderr.count("is already in the set, unchanged") == 5
    assert model.read_bytes() == before


def again_arguments():
    return ("AI4ARCTIC_CHANNELS=incidence_angle,btemp_36_5h", *SMALL)


def test_scenes_that_were_trained_on_are_no_test(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        scenes(1)[0].raw(tmp_path / name)
    more = ("RESOLUTION=160", "CHIP_SIZE=32")
    done = recipe(tmp_path / "train", tmp_path / "test", tmp_path / "out", *more)
    assert done.returncode == 1
    assert "1 images are training and test scenes at once, the first is S1A_EW" in done.stderr


def test_wrong_arguments_are_explained(tmp_path):
    assert "TRAIN and TEST are folders" in recipe(tmp_path).stderr
    done = recipe(tmp_path, tmp_path, tmp_path / "out", "EPOCH=3")
    assert done.returncode == 2
    assert "unknown parameters: EPOCH" in done.stderr
    done = recipe(tmp_path, tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "Error: " in done.stderr
    assert "no file .nc is in the folder" in done.stderr


def test_pixels_of_another_size_are_not_set_beside_the_challenge():
    specification = importlib.util.spec_from_file_location("recipe", RECIPE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    score = AutoIceScore()
    for number in range(20):
        chart = np.repeat(np.float32([[0], [100]]), 40, axis=0) * np.ones((1, 40), np.float32)
        score.add(str(number), chart + np.float32(number - 10), chart, 160)
    text = module.summary(score.result(), 160.0)
    assert "these have 160 m: do not set this R2 beside the challenge's" in text
    assert re.search(r"RMSE by pixel: 5\.8 % SIC \(95 % interval [\d.]+ to [\d.]+ %\)", text)
    assert "RMSE by scene: median 5.0 %, worst 10.0 % SIC" in text
    assert "RMSE of 40 areas of one SIC: 5.8 % SIC, bias -0.5 %" in text
