import tracemalloc

import netCDF4
import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.ai4arctic.scene import Ai4ArcticScene
from tests.builders.ai4arctic import (
    HEADER,
    ZONES_KM,
    MadeUpArctic,
    codes_line,
    enlarged,
    write_real_size,
)

MADE = MadeUpArctic()
EVERY = "incidence_angle", "distance_to_land_km", "btemp_36_5h", "btemp_18_7v"


def read(path, channels=EVERY, noise="nersc", resolution_m=None):
    """Return the channels by name, the valid mask and the chart of a file."""
    with Ai4ArcticScene.open(str(path), channels, noise, resolution_m) as scene:
        window = scene.grid.window
        values, valid = scene.read(window)
        assert scene.channels == ("HH", "HV", *channels)
        assert values.dtype == np.float32
        return dict(zip(scene.channels, values, strict=True)), valid, scene.chart.read(window)[0]


def error_of(path, *arguments, **named):
    with pytest.raises(SeaIceError) as caught:
        read(path, *arguments, **named)
    return str(caught.value)


def change(path, name, values, where=slice(None)):
    with netCDF4.Dataset(path, "a") as file:
        file[name][where] = values


def middles_km(zones):
    starts = np.array([0, *ZONES_KM[:41]])
    ends = np.array([0, *ZONES_KM[1:41], ZONES_KM[40]])
    return ((starts + ends) / 2)[zones.astype(int)]


def test_a_raw_file_is_read_as_it_is_at_its_own_resolution(tmp_path):
    found, valid, chart = read(MADE.raw(tmp_path))
    sea = ~MADE.land
    expected = sea & np.isfinite(MADE.images_db[0])
    assert np.array_equal(valid, expected)
    for name, image in zip(("HH", "HV"), MADE.images_db, strict=True):
        assert np.array_equal(found[name][valid], image[valid])
        assert np.isnan(found[name][MADE.land]).all()
    assert found["incidence_angle"] == pytest.approx(MADE.angle_deg, abs=2e-3)
    assert found["distance_to_land_km"] == pytest.approx(middles_km(MADE.zones), rel=1e-4)
    for name in ("btemp_36_5h", "btemp_18_7v"):
        assert found[name] == pytest.approx(enlarged(MADE.btemp(name), MADE.shape), abs=1e-3)
    assert np.array_equal(chart, MADE.sic_percent, equal_nan=True)


def blocks(values, factor):
    """Return an array (h, w, n) of the pixels that become each larger one, NaN beyond."""
    more = [(0, -length % factor) for length in values.shape]
    padded = np.pad(values.astype(float), more, constant_values=np.nan)
    height, width = (length // factor for length in padded.shape)
    parts = padded.reshape(height, factor, width, factor)
    return parts.transpose(0, 2, 1, 3).reshape(height, width, -1)


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_backscatter_is_averaged_as_power_where_half_of_a_pixel_is_sea(tmp_path, factor):
    found, valid, chart = read(MADE.raw(tmp_path), resolution_m=40 * factor)
    for name, image in zip(("HH", "HV"), MADE.images_db, strict=True):
        parts = blocks(np.where(MADE.land, np.nan, 10 ** (image / 10)), factor)
        enough = np.isfinite(parts).sum(-1) >= factor**2 / 2
        with np.errstate(invalid="ignore"):
            expected = 10 * np.log10(np.nansum(parts, -1) / np.isfinite(parts).sum(-1))
        assert np.array_equal(np.isfinite(found[name]), enough)
        assert found[name][enough] == pytest.approx(expected[enough], abs=1e-3)
        assert np.array_equal(valid, enough)
    half = factor // 2
    rows, cols = (
        np.minimum(np.arange(half, half + length, factor), length - 1) for length in MADE.shape
    )
    assert np.array_equal(chart, MADE.sic_percent[np.ix_(rows, cols)], equal_nan=True)


def test_windows_give_what_the_whole_scene_gives(tmp_path):
    with Ai4ArcticScene.open(str(MADE.raw(tmp_path)), EVERY, "nersc", 80) as scene:
        whole, valid = scene.read(scene.grid.window)
        chart = scene.read_chart(scene.grid.window)[0]
        for window in scene.grid.window.blocks(37, 51):
            values, known = scene.read(window)
            index = (slice(None), *window.slices)
            assert np.array_equal(values, whole[index], equal_nan=True)
            assert np.array_equal(known, valid[window.slices])
            sic = scene.chart.on(scene.grid).read(window)[0]
            assert np.array_equal(sic, chart[window.slices], equal_nan=True)


def test_a_ready_to_train_file_gives_the_physical_values_of_the_raw_one(tmp_path):
    raw, raw_valid, raw_chart = read(MADE.raw(tmp_path), resolution_m=80)
    for apart in (False, True):
        found, valid, chart = read(MADE.ready(tmp_path, apart=apart))
        assert np.array_equal(valid[3:, :140], raw_valid[3:, :140])
        # means of dB, by 10 looks 0.2 dB lower than dB of means
        both = valid & raw_valid
        for name in ("HH", "HV"):
            lower = raw[name][both] - found[name][both]
            assert 0.1 < lower.mean() < 0.25
            assert np.corrcoef(raw[name][both], found[name][both])[0, 1] > 0.99
        assert found["incidence_angle"][both] == pytest.approx(
            raw["incidence_angle"][both], abs=0.01
        )
        assert found["btemp_36_5h"] == pytest.approx(raw["btemp_36_5h"], abs=0.1)
        far = both & (raw["distance_to_land_km"] > 1)
        ratio = found["distance_to_land_km"][far] / raw["distance_to_land_km"][far]
        assert ratio == pytest.approx(np.ones(ratio.size), abs=0.15)
        classes = np.where(valid, 10.0 * MADE.classes(), np.nan)
        assert np.array_equal(chart, classes, equal_nan=True)
        assert (chart[both] == raw_chart[both]).mean() > 0.95  # of two by two, the largest


def test_either_noise_removal_is_taken_and_a_missing_one_named(tmp_path):
    path = MADE.raw(tmp_path, esa=True)
    nersc, esa = (read(path, noise=noise)[0]["HH"] for noise in ("nersc", "esa"))
    assert np.nanmax(np.abs(esa - nersc - 1)) < 1e-4
    assert "has no variable sar_primary; its variables are nersc_sar_primary" in error_of(
        MADE.raw(tmp_path), noise="esa"
    )


def test_acquisition_noise_and_remark(tmp_path):
    with Ai4ArcticScene.open(str(MADE.ready(tmp_path)), (), "nersc", 160) as scene:
        assert scene.acquisition["SEAICE_NOISE_CROSSPOL"] == "scaled by NERSC"
        assert scene.chart.date == "2018-01-24T19:47:59"  # drawn on the image
        assert scene.acquisition["SEAICE_PLATFORM"] == "S1A"
        assert "averaged in dB by its makers" in scene.remark
        assert scene.notes == []
        assert scene.grid.resolution_m == pytest.approx(160, rel=0.01)


def test_missing_brightness_temperatures_leave_their_pixels_out(tmp_path):
    path = MADE.raw(tmp_path)
    change(path, "btemp_36_5h", np.nan, (slice(0, 2), slice(None)))
    with Ai4ArcticScene.open(str(path), ("btemp_36_5h",), "nersc", None) as scene:
        valid = scene.read(scene.grid.window)[1]
        assert "33 % of btemp_36_5h has no value" in scene.notes[0]
    assert not valid[:75].any()
    assert valid[130:, :200].all()
    change(path, "btemp_36_5h", np.nan)
    assert "btemp_36_5h has no value; leave out the channel" in error_of(path, ("btemp_36_5h",))


def test_polygons_without_a_meaning_are_noted_when_they_were_met(tmp_path):
    made = MadeUpArctic(table=[HEADER, codes_line(3, "02", "W"), codes_line(31, "92")])
    with Ai4ArcticScene.open(str(made.raw(tmp_path)), (), "nersc", None) as scene:
        scene.read(scene.grid.window)
        (note,) = scene.chart.notes
        assert "numbers without a meaning: 5, 8, 11, 12, 20; they have no SIC" in note


def test_without_a_distance_map_land_is_where_the_chart_ends(tmp_path):
    path = MADE.raw(tmp_path, without=("distance_map",))
    with Ai4ArcticScene.open(str(path), (), "nersc", None) as scene:
        assert scene.read(scene.grid.window)[1][3:].all()
        assert np.array_equal(scene.read_chart(scene.grid.window)[1], ~MADE.land)
        assert "has no distance_map; land is left out only where the chart ends" in scene.notes[0]
    assert "has no variable distance_map" in error_of(path, ("distance_to_land_km",))


def test_a_resolution_must_be_a_multiple_of_the_files(tmp_path):
    path = MADE.raw(tmp_path)
    assert "Resolution 100 m is no multiple of its pixels of 40 m; give 80 or 120 m" in error_of(
        path, resolution_m=100
    )
    assert read(path, resolution_m=81)[1].shape == (150, 160)
    assert read(path, resolution_m=10)[1].shape == MADE.shape


def test_a_scene_of_land_says_what_is_missing(tmp_path):
    made = MadeUpArctic()
    made.land[:] = True
    text = error_of(made.raw(tmp_path))
    assert "no pixel off land has all of HH, HV, the channels and the chart" in text
    assert "HH 0 %, HV 0 %, incidence_angle 100 %" in text
    assert "an ice chart 0 %" in text


def test_a_chart_that_does_not_reach_the_sea_of_the_image_says_so(tmp_path):
    path = MADE.raw(tmp_path)
    change(path, "polygon_icechart", np.nan)
    text = error_of(path, ())
    assert "HH 89.1 %, HV 89.1 %, an ice chart 0 %" in text


def test_values_that_are_not_those_of_the_layout_are_refused(tmp_path):
    path = MADE.ready(tmp_path, standardise=False)
    assert "HH has a median of" in error_of(path, ())
    assert "after its standardisation was undone, -40 to 5 expected" in error_of(path, ())
    assert "btemp_36_5h has a median of 7" in error_of(path, ("btemp_36_5h",))
    raw = MADE.raw(tmp_path)
    change(raw, "sar_grid_incidenceangle", np.radians(30))
    assert "incidence_angle has a median of 0.5236 degrees, 15 to 50 expected" in error_of(raw)


def test_a_missing_channel_or_an_odd_shape_is_named(tmp_path):
    path = MADE.raw(tmp_path)
    assert "has no variable btemp_89_0v" in error_of(path, ("btemp_89_0v",))
    with netCDF4.Dataset(path, "a") as file:
        file.renameVariable("nersc_sar_secondary", "kept")
        file.createVariable("nersc_sar_secondary", "f4", ("2km_grid_0", "2km_grid_1"))
    assert "nersc_sar_secondary has 6 x 6 px, the image 300 x 320" in error_of(path, ())


def peak_of_reading(path, channels, resolution_m):
    """Return the most memory that was taken for arrays, and how many pixels could be used."""
    tracemalloc.start()
    try:
        with Ai4ArcticScene.open(str(path), channels, "nersc", resolution_m) as scene:
            usable = 0
            for window in scene.grid.window.blocks(512):
                valid = scene.read(window)[1] & scene.read_chart(window)[1]
                usable += np.count_nonzero(valid)
        return tracemalloc.get_traced_memory()[1], usable
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("resolution_m", [40, 400])
def test_memory_does_not_grow_with_the_lines_of_an_image(tmp_path, resolution_m):
    peaks = []
    for number, lines in enumerate((2600, 5200)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_real_size(folder / "raw.nc", (lines, 1000))
        peaks.append(peak_of_reading(folder / "raw.nc", ("incidence_angle",), resolution_m)[0])
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.slow
def test_a_scene_of_real_size_is_read_in_half_a_gibibyte(tmp_path):
    made = write_real_size(tmp_path / "raw.nc")
    peak, usable = peak_of_reading(tmp_path / "raw.nc", ("incidence_angle",), 80)
    assert peak < 2**29
    share = (np.isfinite(made.images_db[0]) & ~made.land).mean()
    assert usable / (5003 * 5229) == pytest.approx(share, abs=0.02)


def test_a_chart_gives_no_uncertainty(tmp_path):
    with Ai4ArcticScene.open(str(MADE.raw(tmp_path)), EVERY, "nersc", None) as scene:
        assert not scene.chart.has_uncertainty
        assert np.isnan(scene.chart.read_uncertainty(scene.grid.window)).all()


@pytest.mark.parametrize("factor", [1, 3])
def test_pixels_know_the_polygon_that_they_lie_in(tmp_path, factor):
    path = str(MADE.raw(tmp_path))
    with Ai4ArcticScene.open(path, (), "nersc", 40 * factor) as scene:
        found = scene.chart.read_polygons(scene.grid.window)
        assert scene.chart.polygons == "numbered"
    half = factor // 2
    rows, cols = (
        np.minimum(np.arange(half, half + length, factor), length - 1) for length in MADE.shape
    )
    sea = ~MADE.land[np.ix_(rows, cols)]
    expected = MADE.polygon[np.ix_(rows, cols)]
    assert np.array_equal(found.number[sea], expected[sea])
    assert not found.number[~sea].any()
    assert set(found.low[sea & (expected == 20)]) == {90.0}  # 9+/10
    assert np.array_equal(found.low[sea] < found.high[sea], (expected == 20)[sea])
