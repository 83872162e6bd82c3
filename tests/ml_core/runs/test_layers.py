import dataclasses

import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.jobs import TrainJob
from ml_core.raster.mask import mask_tags
from ml_core.runs.layers import open_layers
from tests.builders.rasters import sigma0_db, write_raster
from tests.builders.trainingsets import retag

SILENT = Reporter(lambda event: None)


@pytest.fixture
def job(tmp_path):
    def make(sic, footprint=8000.0):
        bands = {"hh": sigma0_db((80, 80)), "hv": sigma0_db((80, 80), 1, -25), "reference": sic}
        sizes = {"hh": 1000, "hv": 1000, "reference": 80_000 / len(sic)}
        paths = {
            name: write_raster(tmp_path / f"{name}.tif", band, size=sizes[name])
            for name, band in bands.items()
        }
        return TrainJob(**paths, footprint=footprint, model="net", report="r.html")

    return make


def varied(side=20):
    return np.random.default_rng(1).uniform(0, 100, (side, side)).astype(np.float32)


def test_the_layers_are_read_with_their_names_and_grid(job, recorder):
    with open_layers(job(varied()), 0, 32, Reporter(recorder)) as layers:
        assert layers.channels == ("HH", "HV")
        assert layers.resolution_m == 1000
        layers.log(Reporter(recorder))
        with layers.read(32, SILENT) as data:
            assert data.provenance["inputs"] == {
                "HH": "hh.tif",
                "HV": "hv.tif",
                "reference": "reference.tif",
            }
            (scene,) = data.scenes.values()
            np.testing.assert_allclose(scene.array[..., 0], sigma0_db((80, 80)), atol=1e-4)
    assert "Grid: 80 x 80 px of 1000 m. Footprint of the reference: 8 km" in recorder.texts("info")


def test_without_a_resolution_a_chip_spans_three_footprints(job):
    with open_layers(job(varied(), 32_000.0), None, 32, SILENT) as layers:
        assert layers.resolution_m == 3000


@pytest.mark.parametrize("needs", [True, False])
def test_a_reference_of_one_sic_is_refused_where_ice_and_water_are_needed(job, needs):
    opened = open_layers(
        job(np.zeros((20, 20), np.float32)), 0, 32, SILENT, needs_ice_and_water=needs
    )
    if needs:
        with pytest.raises(SeaIceError, match="has one value only"), opened:
            pass
    else:
        with opened as layers:
            assert layers.footprint_m == 8000


@pytest.fixture
def timed(job):
    """The job with times in its files."""

    def timed(start, date, **more):
        made = dataclasses.replace(job(varied()), **more)
        retag(made.hh.path, SEAICE_START=start)
        retag(made.reference.path, SEAICE_DATE=date)
        return made

    return timed


def test_times_that_differ_are_warned_of_and_in_the_card(timed, recorder):
    made = timed("2024-03-01T12:00:00.000000", "2024-03-01T19:30")
    with open_layers(made, 0, 32, Reporter(recorder)) as layers:
        layers.log(Reporter(recorder))
        with layers.read(32, SILENT) as data:
            assert data.provenance["reference_date"] == "2024-03-01T19:30"
            assert data.provenance["hours_apart"] == 7.5
    assert "7.5 h apart" in recorder.warnings


def test_times_too_far_apart_are_refused_unless_allowed(timed):
    made = timed("2024-03-01T12:00:00.000000", "2024-03-03")
    with (
        pytest.raises(SeaIceError, match=r"reference\.tif of 2024-03-03: 36\.0 h apart"),
        open_layers(made, 0, 32, SILENT),
    ):
        pass
    with open_layers(dataclasses.replace(made, max_hours_apart=36), 0, 32, SILENT) as layers:
        assert layers.apart.hours == 36


def test_unknown_times_are_noted_once(job, recorder):
    with open_layers(job(varied()), 0, 32, Reporter(recorder)) as layers:
        layers.log(Reporter(recorder))
    (line,) = (text for text in recorder.texts("info") if "is unknown" in text)
    assert line.startswith("The time of hh.tif and reference.tif is unknown")


def test_values_that_the_reference_mask_leaves_out_count_nowhere(job, tmp_path, recorder):
    given = job(varied())  # values of 4 px
    mask = np.ones((80, 80), np.uint8)
    mask[:, :31] = 0  # the centre of the eighth column of values is at 30
    path = write_raster(tmp_path / "coast.tif", mask, size=1000, tags=mask_tags("coast", 8000))
    masked = dataclasses.replace(given, reference_mask=path)
    with (
        open_layers(given, 0, 32, SILENT) as one,
        one.read(32, SILENT) as before,
        open_layers(masked, 0, 32, Reporter(recorder)) as other,
        other.read(32, SILENT) as after,
    ):
        (full,), (part,) = before.scenes.values(), after.scenes.values()
        assert np.isnan(part.array[:, :32, -1]).all()
        np.testing.assert_array_equal(part.array[:, 32:], full.array[:, 32:])
        np.testing.assert_array_equal(part.array[..., :-1], full.array[..., :-1])
        assert part.cells.count.sum() == 80 * 48
        assert part.sums[..., -1].sum() == pytest.approx(full.array[:, 32:, -1].sum(), rel=1e-5)
        assert after.provenance["inputs"]["reference_mask"] == "coast.tif"
    assert "coast.tif: 40.0 % of the reference on the scene is left out" in recorder.text
    assert not recorder.warnings


def test_a_reference_mask_with_too_small_a_buffer_is_noticed(job, tmp_path, recorder):
    mask = np.ones((80, 80), np.uint8)
    path = write_raster(tmp_path / "coast.tif", mask, size=1000, tags=mask_tags("coast", 0))
    with open_layers(
        dataclasses.replace(job(varied()), reference_mask=path), 0, 32, Reporter(recorder)
    ):
        pass
    assert "its buffer around land is 0 km, less than the reference's footprint of 8 km" in (
        recorder.warnings
    )


def drifting(job, **more):
    """The job whose reference has an edge, and its times where they are given."""
    sic = np.zeros((20, 20), np.float32)
    sic[:, 10:] = 100
    return dataclasses.replace(job(sic, 4000.0), **more)


def test_drift_leaves_out_values_along_the_edge(job, recorder):
    made = drifting(job, ice_drift=12.0, hours_apart=24.0)
    with open_layers(made, 0, 16, Reporter(recorder)) as layers, layers.read(16, SILENT) as data:
        (scene,) = data.scenes.values()
        lost = np.isnan(scene.array[..., -1]).all(axis=0)
    # 3 values of 4 km on either side, 4 pixels each
    assert np.flatnonzero(lost).tolist() == list(range(28, 52))
    assert "within 12 km, the drift of 24 h, around 120 of the layer's 400 values" in recorder.text


def test_drift_goes_by_the_times_of_the_files(job, recorder):
    made = drifting(job, ice_drift=12.0, max_hours_apart=48.0)
    with (
        pytest.raises(SeaIceError, match=r"Ice drift: hh\.tif does not give its time; give Time"),
        open_layers(made, 0, 16, SILENT),
    ):
        pass
    retag(made.hh.path, SEAICE_START="2024-03-01T06:00:00")
    with (
        pytest.raises(SeaIceError, match=r"Ice drift: reference\.tif does not give its time"),
        open_layers(made, 0, 16, SILENT),
    ):
        pass
    retag(made.reference.path, SEAICE_DATE="2024-03-02")
    with open_layers(made, 0, 16, Reporter(recorder)):
        pass
    assert "within 15 km, the drift of 30 h" in recorder.text


def test_without_drift_no_time_is_asked_for(job):
    with open_layers(drifting(job), 0, 16, SILENT) as layers:
        assert layers.reference.read_own()[1].all()
