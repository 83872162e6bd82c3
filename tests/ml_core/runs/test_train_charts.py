"""Trainings on ice charts, from real files to the model file and the report."""

import html
import re
from itertools import pairwise

import numpy as np
import pytest
import rasterio

from ml_core import checkpoint
from ml_core.jobs import BuildTrainingSetJob, CompareNetworksJob, PredictJob, TrainJob
from tests.builders.ai4arctic import MadeUpArctic
from tests.builders.charts import write_chart_scene
from tests.builders.jobs import execute
from tests.builders.scenes import ice, write_scene

SIZE, SHAPE = 500.0, (120, 160)
FIT = {
    "chip_size": 32,
    "filters": 4,
    "depth": 2,
    "epochs": 4,
    "chips_per_epoch": 16,
    "learning_rate": 0.02,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def chart(tmp_path_factory):
    """The layers of a scene with a chart, and its true SIC."""
    truth = ice(SHAPE, 8, seed=1)
    folder = tmp_path_factory.mktemp("chart")
    return write_chart_scene(folder, truth, size=SIZE, across_px=24)[0], truth


def trained(folder, **parameters):
    outputs = {"model": str(folder / "net.safetensors"), "report": str(folder / "report.html")}
    done, events = execute(TrainJob.from_dict({**FIT, **outputs, **parameters}))
    page = html.unescape((folder / "report.html").read_text())
    return done, events, re.sub(r"<[^>]+>|\s+", " ", page), checkpoint.load(outputs["model"])[0]


def test_a_network_learns_from_the_polygons_of_a_chart(chart, tmp_path):
    layers, truth = chart
    done, events, page, card = trained(
        tmp_path, **layers, resolution=0, epochs=12, chips_per_epoch=40
    )
    assert "Split by the polygons of the chart" in events.text
    assert "Footprint of the reference: polygons of a chart" in events.text
    assert done.numbers["VALIDATION_RMSE"] < 12
    assert card.split["by"] == "polygon"
    roles = card.split["polygons"]
    assert not set(roles["training"]) & set(roles["validation"])
    assert card.split["independent_footprints"]["validation"] == len(roles["validation"])
    assert f"{len(roles['validation'])} polygons" in page
    assert "ndependent footprints" not in page
    # the map is as sharp as the ice, though the chart is not
    sic = str(tmp_path / "sic.tif")
    bands = {name: layers[name] for name in ("hh", "hv")}
    execute(PredictJob(**bands, model=done.outputs["MODEL"], output=sic, device="cpu"))
    with rasterio.open(sic) as file, rasterio.open(layers["reference"]) as reference:
        predicted, charted = file.read(1), reference.read(1)
    error, of_chart = (np.sqrt(np.mean((map_ - truth) ** 2)) for map_ in (predicted, charted))
    assert error < 0.6 * of_chart


def test_open_water_trains_beside_a_chart(chart, tmp_path):
    water = write_scene(tmp_path, np.zeros(SHAPE, np.float32), size=SIZE)
    layers = {**chart[0], "water_hh": water["hh"], "water_hv": water["hv"]}
    done, events, *_ = trained(tmp_path, **layers, resolution=0, epochs=1, water_trains=True)
    assert " trains at a SIC of 0; " in events.text
    assert 0 <= done.numbers["WATER_ICE_SHARE"] <= 100


@pytest.mark.parametrize("task", ["regression", "classes"])
def test_every_match_and_task_takes_a_chart(chart, tmp_path, task):
    for match in ("auto", "footprints", "pixels"):
        done, *_ = trained(tmp_path, **chart[0], resolution=0, match=match, task=task, epochs=1)
        assert np.isfinite(done.numbers["VALIDATION_RMSE"])


def test_folds_and_members_and_a_share_of_the_data(chart, tmp_path):
    _done, events, _page, card = trained(
        tmp_path, **chart[0], resolution=0, folds=3, epochs=2, data_fraction=0.7
    )
    parts = [set(fold["polygons"]["validation"]) for fold in card.split["folds"]]
    assert all(not one & other for one, other in pairwise(parts))
    assert "3 parts of them" in events.text
    trained(tmp_path, **chart[0], resolution=0, members=2, epochs=2, dropout=0.2)


def test_charts_and_passive_microwave_train_together(chart, tmp_path):
    folder = str(tmp_path / "set")

    def add(**parameters):
        job = BuildTrainingSetJob(
            training_set=folder,
            chip_size=32,
            report=str(tmp_path / "set.html"),
            **{"resolution": SIZE, **parameters},
        )
        return execute(job)

    add(**chart[0], name="chart")
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        passive = write_scene(tmp_path / str(number), ice(SHAPE, 8, number), size=SIZE, coarse=8)
        add(**passive, name=f"passive {number}")
    other = write_chart_scene(tmp_path / "o", ice(SHAPE, 8, 7), size=SIZE, across_px=24, seed=2)
    add(**other[0], name="other chart")
    page = re.sub(r"<[^>]+>|\s+", " ", html.unescape((tmp_path / "set.html").read_text()))
    assert int(re.search(r"(\d+)\s+Polygons\s+of the charts", page)[1]) > 40
    done, events, page, card = trained(tmp_path, training_set=folder, validation_fraction=0.4)
    assert np.isfinite(done.numbers["VALIDATION_RMSE"])
    assert card.footprint_m == 8 * SIZE
    assert "polygons and independent footprints" in events.text
    assert "footprints differ" not in events.text
    charts = {"chart", "other_chart"}
    # both charts are named alike: they would share polygons
    assert len(charts & set(card.split["validation_scenes"])) in (0, 2)


@pytest.mark.parametrize("layout", ["raw", "ready"])
def test_files_of_ai4arctic_train_by_their_polygons(tmp_path, layout):
    folder = str(tmp_path / "set")
    for number in range(2):
        made = MadeUpArctic(
            seed=number,
            shape=(200, 220),
            product=f"S1A_EW_GRDM_1SDH_2018012{number}T194759_2018012{number}T194859_020301_022AA4_1F75",
        )
        path = str(getattr(made, layout)(tmp_path))
        execute(BuildTrainingSetJob(training_set=folder, ai4arctic=path, chip_size=32))
    done, events, _page, _card = trained(tmp_path, training_set=folder, validation_fraction=0.4)
    assert "1 validate" in events.text
    assert re.search(r"\(\d+ polygons\)", events.text)
    assert np.isfinite(done.numbers["VALIDATION_RMSE"])


def test_networks_are_compared_on_polygons(chart, tmp_path):
    job = CompareNetworksJob.from_dict(
        {
            **chart[0],
            **{name: FIT[name] for name in ("chip_size", "chips_per_epoch", "device")},
            "resolution": 0,
            "epochs": 1,
            "seeds": 1,
            "test_fraction": 0.2,
            "report": str(tmp_path / "report.html"),
            "table": str(tmp_path / "table.csv"),
        }
    )
    execute(job)
    assert (tmp_path / "table.csv").read_text().count("\n") > 1
