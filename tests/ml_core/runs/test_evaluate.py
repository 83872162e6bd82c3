import csv
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import EvaluateJob, RasterSource
from ml_core.jobs.predict import HALF_WIDTH_BAND, LOWER_BAND, UPPER_BAND
from ml_core.raster.grid import Grid
from ml_core.raster.writing import BandInfo, RasterWriter
from tests.builders.jobs import execute
from tests.builders.trainingsets import retag

HAS_DATA = "SEAICE_TEST_DATA" in os.environ
PRODUCTS = Path(os.environ.get("SEAICE_TEST_DATA", ""), "sic_products")


@pytest.fixture
def evaluate():
    """Run a job; return its numbers and its messages."""

    def evaluate(**parameters):
        done, events = execute(EvaluateJob(**parameters))
        return done.numbers, events.texts()

    return evaluate


def across(height, width, low=0.0, high=100.0):
    """SIC that rises along the columns."""
    return np.tile(np.linspace(low, high, width, dtype=np.float32), (height, 1))


def coarse(values, factor):
    h, w = values.shape
    return values.reshape(h // factor, factor, w // factor, factor).mean(axis=(1, 3))


@pytest.fixture
def pair(write, make_grid):
    """A prediction of 1 km, and a reference of 10 km that is 5 % lower than its mean."""
    predicted = across(400, 600, 10, 100)
    return {
        "prediction": write("p.tif", predicted, make_grid(400, 600)),
        "reference": write("r.tif", coarse(predicted, 10) - 5, make_grid(40, 60, 10_000)),
    }


def test_the_scores_of_a_known_error(pair, evaluate):
    numbers, _ = evaluate(**pair)
    assert numbers["COUNT"] == 40 * 60
    for name, value in (("RMSE", 5), ("MAE", 5), ("BIAS", 5)):
        assert numbers[name] == pytest.approx(value, abs=1e-3)
    assert numbers["R2"] == pytest.approx(1 - 25 / np.var(across(1, 60, 10, 100)), abs=0.01)
    assert numbers["WITHIN_ONE_TENTH"] == 1
    assert numbers["BASELINE_RMSE"] < 5  # the columns tell SIC here


@pytest.mark.parametrize(
    ("date", "hours"), [("2024-03-01", None), ("2024-03-02", 8.0), ("", "unknown")]
)
def test_times_that_differ_are_in_the_report(pair, evaluate, tmp_path, date, hours):
    retag(pair["prediction"].path, SEAICE_START="2024-03-01T16:00:00", SEAICE_STOP="")
    retag(pair["reference"].path, SEAICE_DATE=date)
    path = tmp_path / "report.html"
    _, messages = evaluate(**pair, report=str(path))
    said = [text for text in messages if " h apart" in text or "The time of" in text]
    if hours is None:
        assert not said
        return
    (line,) = said
    text = "8.0 h apart" if hours == 8 else "The time of r.tif is unknown"
    assert text in line
    assert text in path.read_text(encoding="utf-8")


def test_a_reference_of_another_day_is_refused_unless_allowed(pair, evaluate):
    retag(pair["prediction"].path, SEAICE_START="2024-03-03T16:00:00")
    retag(pair["reference"].path, SEAICE_DATE="2024-03-01")
    with pytest.raises(
        SeaIceError, match=r"p\.tif is of 2024-03-03 16:00, r\.tif .* 40\.0 h apart"
    ):
        evaluate(**pair)
    numbers, _ = evaluate(**pair, max_hours_apart=48)
    assert numbers["COUNT"] == 40 * 60


def test_a_prediction_that_does_not_beat_a_baseline_is_warned_of(pair, evaluate, tmp_path):
    path = tmp_path / "report.html"
    _, messages = evaluate(**pair, report=str(path))
    assert any("does not beat a baseline: RMSE 5.0 %" in text for text in messages)
    assert "The prediction does not beat a baseline: RMSE 5.0 %" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("independent", [True, False])
def test_a_lead_on_a_baseline_is_beyond_chance_where_enough_blocks_say_so(
    write, make_grid, evaluate, tmp_path, independent
):
    rng = np.random.default_rng(1)
    reference = rng.uniform(10, 90, (40, 60)).astype(np.float32)
    error = rng.normal(0, 5, reference.shape) if independent else np.linspace(-8, 8, 60)[None]
    grid = make_grid(40, 60, 10_000)
    layers = {
        "prediction": write("p.tif", (reference + error).astype(np.float32), grid),
        "reference": write("r.tif", reference, grid),
    }
    _, messages = evaluate(**layers, report=str(tmp_path / "r.html"))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "The prediction beats every baseline" in text
    assert ("<td>beaten beyond chance</td>" in text) == independent
    withheld = any("Confidence intervals are withheld" in message for message in messages)
    assert withheld != independent


def test_extent_area_and_iiee_follow_from_the_cells(pair, evaluate):
    numbers, _ = evaluate(**pair)
    # 5 % more ice: one column of cells (14.0 % in the reference) is ice in the prediction alone
    assert numbers["IIEE"] == numbers["IIEE_OVER"] > 0
    assert numbers["IIEE_UNDER"] == 0
    assert numbers["EXTENT_PREDICTION"] - numbers["EXTENT_REFERENCE"] == pytest.approx(
        numbers["IIEE"]
    )
    columns = numbers["IIEE"] / (40 * 100)
    assert columns == pytest.approx(round(columns), rel=0.05)  # true areas, not the map's
    assert numbers["EDGE_DISTANCE"] == pytest.approx(10 * round(columns), rel=0.05)


def test_the_outputs(pair, evaluate, tmp_path, write, make_grid):
    paths = {
        name: str(tmp_path / f"out.{suffix}")
        for name, suffix in (("report", "html"), ("table", "csv"), ("difference", "tif"))
    }
    name = "<b>scene</b> & ice"
    source = RasterSource(pair["prediction"].path, name=name)
    numbers, _ = evaluate(**{**pair, "prediction": source}, **paths)
    text = Path(paths["report"]).read_text(encoding="utf-8")
    assert "<b>" not in text
    assert "&lt;b&gt;scene&lt;/b&gt; &amp; ice" in text
    assert "http" not in text.replace("http-equiv", "")
    with open(paths["table"], newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    (rmse,) = [row for row in rows if (row["section"], row["quantity"]) == ("all", "rmse")]
    assert float(rmse["value"]) == numbers["RMSE"]
    assert {"reference bin", "chart class", "ice", "cells", "baseline"} <= {
        row["section"] for row in rows
    }
    with rasterio.open(paths["difference"]) as dataset:
        assert dataset.nodata == -9999
        difference = dataset.read()
    assert difference.shape == (1, 40, 60)
    np.testing.assert_allclose(difference, 5, atol=1e-3)


@pytest.mark.parametrize("epsg", [6931, 3411])
def test_a_scene_of_40_m_against_a_product_in_another_crs(write, evaluate, epsg):
    size_m = {6931: 12_500, 3411: 25_000}[epsg]
    fine = Grid(CRS.from_epsg(3413), Affine(40, 0, -400_000, 0, -40, -1_200_000), 3000, 3000)
    prediction = write("p.tif", across(3000, 3000), fine)
    to_cells = Transformer.from_crs(3413, epsg, always_xy=True)
    x, y = to_cells.transform(*(fine.transform @ (1500, 1500)))
    n = 40
    cells = Grid(
        CRS.from_epsg(epsg),
        Affine(size_m, 0, x - n / 2 * size_m, 0, -size_m, y + n / 2 * size_m),
        n,
        n,
    )
    row, col = np.indices((n, n))
    t = cells.transform
    x, _ = to_cells.transform(t.a * (col + 0.5) + t.c, t.e * (row + 0.5) + t.f, direction="INVERSE")
    sic = np.clip((x + 400_000) / 120_000 * 100, 0, 100)  # the prediction's plane at the centres
    numbers, _ = evaluate(
        prediction=prediction, reference=write("r.tif", sic.astype(np.float32), cells)
    )
    whole = (120_000 / size_m) ** 2
    # cells at the border count from half on
    assert 0.6 * whole < numbers["COUNT"] < 1.4 * whole
    # cells at the scene's border lie half outside it: their mean is of the part inside
    assert numbers["MAE"] < 1.5
    assert abs(numbers["BIAS"]) < 1


FLAGGED = {
    "percent with flags": (1.0, {251: "pole hole", 253: "coast", 254: "land", 255: "missing"}),
    "fractions with flags": (0.01, {2.51: "pole hole", 2.54: "land", np.nan: "no data"}),
    "fractions": (0.01, {np.nan: "no data"}),
}


@pytest.mark.parametrize(("scale", "flags"), FLAGGED.values(), ids=FLAGGED)
def test_flags_are_kept_apart(write, make_grid, evaluate, tmp_path, scale, flags):
    predicted = across(60, 60)
    reference = coarse(predicted, 2) * scale
    for row, flag in enumerate(flags):
        reference[row, : row + 1] = flag
    numbers, _ = evaluate(
        prediction=write("p.tif", predicted, make_grid(60, 60)),
        reference=write("r.tif", reference.astype(np.float32), make_grid(30, 30, 2000)),
        table=str(tmp_path / "t.csv"),
    )
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as stream:
        counts = {
            row["item"]: int(row["value"])
            for row in csv.DictReader(stream)
            if (row["section"], row["quantity"]) == ("cells", "count")
        }
    assert numbers["RMSE"] < 0.01
    for row, name in enumerate(flags.values()):
        (found,) = [count for item, count in counts.items() if item.startswith(name)]
        assert found == row + 1
    assert counts["compared"] == numbers["COUNT"] == 900 - sum(range(1, len(flags) + 1))


@pytest.fixture
def bremen(write, make_grid):
    """A prediction and a product that leaves out what has less than 15 % ice, and land; a mask."""
    predicted = across(60, 60)
    predicted[:, :6] = 40  # false ice on open water
    reference = across(60, 60)
    reference[(reference < 15) | (np.indices((60, 60))[0] < 5)] = np.nan
    sea = np.ones((60, 60), np.uint8)
    sea[:5] = 0
    grid = make_grid(60, 60)
    return {
        "prediction": write("p.tif", predicted, grid),
        "reference": write("r.tif", reference, grid),
    }, write("sea.tif", sea, grid)


def test_water_without_data_is_not_silently_left_out(bremen, evaluate, tmp_path):
    layers, _ = bremen
    numbers, messages = evaluate(**layers, report=str(tmp_path / "r.html"))
    assert numbers["RMSE"] < 0.01  # the false ice is not evaluated
    assert any("gives no SIC below 15 %" in text for text in messages)
    assert not {"IIEE", "EXTENT_PREDICTION", "EDGE_DISTANCE"} & set(numbers)
    assert "Withheld: the reference gives no value to open water" in (
        tmp_path / "r.html"
    ).read_text(encoding="utf-8")


def test_water_without_data_is_evaluated_with_a_land_mask(bremen, evaluate):
    layers, sea = bremen
    numbers, messages = evaluate(**layers, mask=sea, nodata_is_water=True)
    assert not any("gives no SIC below 15 %" in text for text in messages)
    assert numbers["COUNT"] == 55 * 60  # land stays out
    assert numbers["IIEE_OVER"] == pytest.approx(55 * 6, rel=0.05)
    with pytest.raises(JobError, match="a mask that is 0 on land is missing"):
        evaluate(**layers, nodata_is_water=True)


def test_uncertainty_that_is_too_small_is_warned_of(pair, evaluate, write, make_grid, tmp_path):
    spread = write("u.tif", np.full((400, 600), 1, np.float32), make_grid(400, 600))
    numbers, _ = evaluate(**pair, uncertainty=spread, report=str(tmp_path / "r.html"))
    assert numbers["COVERAGE_90"] == 0
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "its 90 % interval holds 0 % of the cells, so it is too narrow" in text
    # a band without a name is a standard deviation, as earlier versions wrote it
    assert numbers["INTERVAL_WIDTH"] == pytest.approx(2 * 1.6449, rel=0.02)


@pytest.mark.parametrize(("above", "coverage"), [(2.0, 0.0), (6.0, 1.0)])
@pytest.mark.parametrize("band", [1, 3])
def test_the_bounds_of_an_interval_are_found_by_their_names(
    pair, evaluate, make_grid, tmp_path, above, coverage, band
):
    """Whatever their order, and whichever band is given; the reference is 5 % below the map."""
    with rasterio.open(pair["prediction"].path) as dataset:
        sic = dataset.read(1)
    lower, upper = sic - above, sic + 30
    grid = make_grid(400, 600)
    names = [BandInfo(name, "%") for name in (HALF_WIDTH_BAND, UPPER_BAND, LOWER_BAND)]
    path = str(tmp_path / "interval.tif")
    with RasterWriter(path, grid, names) as writer:
        writer.write(grid.window, np.stack([(upper - lower) / 2, upper, lower]))
    numbers, _ = evaluate(
        **pair,
        uncertainty=RasterSource(path, band=band),
        report=str(tmp_path / "r.html"),
        table=str(tmp_path / "t.csv"),
    )
    assert numbers["COVERAGE_90"] == coverage
    assert numbers["INTERVAL_WIDTH"] == pytest.approx(30 + above, rel=1e-4)
    missed = 20 * (5 - above) * (coverage == 0)
    assert numbers["INTERVAL_SCORE"] == pytest.approx(30 + above + missed, abs=0.5 + 0.1 * missed)
    with open(tmp_path / "t.csv", newline="") as table:
        units = {row["quantity"]: row["unit"] for row in csv.DictReader(table)}
    assert (units["coverage_90"], units["interval_width"]) == ("", "percent")
    assert "within the 90 % interval" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_footprints_that_do_not_go_together_are_noted(pair, evaluate, write, make_grid, tmp_path):
    spread = write("u.tif", np.full((400, 600), 1, np.float32), make_grid(400, 600))
    with rasterio.open(pair["prediction"].path, "r+") as dataset:
        dataset.update_tags(SEAICE_REFERENCE_FOOTPRINT_M="25000")
    with rasterio.open(spread.path, "r+") as dataset:
        dataset.update_tags(SEAICE_FOOTPRINT_M="10000", SEAICE_CALIBRATED="no")
    path = tmp_path / "r.html"
    _, messages = evaluate(**pair, uncertainty=spread, report=str(path))
    text = path.read_text(encoding="utf-8")
    note = "the network was trained with a footprint of 25 km, and is compared with one of 10 km"
    assert any(note in message for message in messages)
    assert note in text
    assert "by its file, the uncertainty was not calibrated" in text
    assert "the uncertainty is that of means over" not in text


def test_backscatter_adds_a_baseline_and_angles_a_figure(
    pair, evaluate, write, make_grid, tmp_path
):
    grid = make_grid(400, 600)
    layers = {
        "hh": across(400, 600, -25, -8),
        "hv": across(400, 600, -30, -20),
        "incidence": across(400, 600, 20, 45),
    }
    extra = {name: write(f"{name}.tif", values, grid) for name, values in layers.items()}
    numbers, _ = evaluate(**pair, **extra, report=str(tmp_path / "r.html"))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "linear regression on backscatter means" in text
    assert "RMSE and bias by incidence angle" in text
    assert numbers["BASELINE_RMSE"] < 1


def test_layers_that_do_not_overlap_are_an_error(write, make_grid, evaluate):
    with pytest.raises(SeaIceError, match=r"p\.tif and r\.tif do not overlap; give a reference"):
        evaluate(
            prediction=write("p.tif", across(10, 10), make_grid(10, 10)),
            reference=write("r.tif", across(10, 10), make_grid(10, 10, left=3_000_000)),
        )


def test_layers_without_a_common_cell_are_an_error(write, make_grid, evaluate):
    left, right = across(20, 20), across(20, 20)
    left[:, 10:], right[:, :10] = np.nan, np.nan
    with pytest.raises(SeaIceError, match=r"no cell of r\.tif has a SIC where p\.tif has one"):
        evaluate(
            prediction=write("p.tif", left, make_grid(20, 20)),
            reference=write("r.tif", right, make_grid(20, 20)),
        )


def test_a_prediction_in_fractions_is_an_error(write, make_grid, evaluate):
    grid = make_grid(20, 20)
    with pytest.raises(SeaIceError, match=r"p\.tif: no value above 1, percent expected"):
        evaluate(
            prediction=write("p.tif", across(20, 20, 0, 1), grid),
            reference=write("r.tif", across(20, 20), grid),
        )


def test_a_failed_run_leaves_no_file(write, make_grid, tmp_path):
    left, right = across(20, 20), across(20, 20)
    left[:, 10:], right[:, :10] = np.nan, np.nan
    before = {
        "prediction": write("p.tif", left, make_grid(20, 20)),
        "reference": write("r.tif", right, make_grid(20, 20)),
    }
    out = tmp_path / "out"
    out.mkdir()
    job = EvaluateJob(**before, difference=str(out / "d.tif"), report=str(out / "r.html"))
    with pytest.raises(SeaIceError):
        execute(job)
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not HAS_DATA, reason="real data are not here")
@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("nsidc_geotiff/nt_20201024_f18_nrt_s.tif", False),
        ("bremen_amsr2/bremen_sea_ice_conc_2022_9_9.tif", True),
    ],
)
def test_real_products_are_read_as_they_are(evaluate, write, name, cut):
    """The product judged by itself, through a finer prediction in another CRS."""
    path = str(PRODUCTS / name)
    with rasterio.open(path) as dataset:
        values, transform, crs = dataset.read(1), dataset.transform, dataset.crs
    fine = Grid(CRS.from_epsg(6932), Affine(5000, 0, -1_500_000, 0, -5000, 3_500_000), 500, 500)
    t = fine.transform
    row, col = np.indices(fine.shape)
    to_product = Transformer.from_crs("EPSG:6932", crs.to_wkt(), always_xy=True)
    x, y = to_product.transform(t.a * (col + 0.5) + t.c, t.e * (row + 0.5) + t.f)
    place = ~transform
    sic = values[
        np.floor(place.e * y + place.f).astype(int), np.floor(place.a * x + place.c).astype(int)
    ]
    sic = np.where((sic >= 0) & (sic <= 100), sic, np.nan).astype(np.float32)
    numbers, messages = evaluate(prediction=write("p.tif", sic, fine), reference=path)
    assert numbers["COUNT"] > 5000
    assert numbers["RMSE"] < 8  # neighbouring cells mix where the grids are at an angle
    assert abs(numbers["BIAS"]) < 0.5
    assert any("below 15 %" in text for text in messages) == cut
