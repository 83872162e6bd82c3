import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.warp import transform

from ml_core.errors import SeaIceError
from ml_core.jobs import RasterSource
from ml_core.raster.grid import Grid, Window
from ml_core.raster.reference import Reference
from tests.builders.rasters import ORIGIN, Affine

SIC = np.array([[0, 15, 40], [80, 99, 100]], dtype=np.float32)
FINE = Grid(CRS.from_epsg(3413), Affine(40, 0, ORIGIN[0], 0, -40, ORIGIN[1]), 200, 300)


def test_percent_stays_and_keeps_its_coarse_values_on_another_grid(raster):
    with Reference.open(raster("sic.tif", SIC, size=4000)) as reference:
        own, valid = reference.read_own()
        fine, holds = reference.on(FINE).read(FINE.window)
        assert reference.notes == []
    assert valid.all()
    assert np.array_equal(own, SIC)
    assert holds.all()
    assert np.array_equal(fine, np.kron(SIC, np.ones((100, 100), dtype=np.float32)))


def test_a_reference_in_another_crs_covers_the_scene(raster):
    # EASE-Grid 2.0 north, 25 km; the value is the column
    (x,), (y,) = transform("EPSG:3413", "EPSG:6931", [ORIGIN[0]], [ORIGIN[1]])
    values = np.arange(40, dtype=np.int16)[None].repeat(40, axis=0)
    source = raster("sic.tif", values, crs="EPSG:6931", size=25_000, origin=(x - 5e5, y + 5e5))
    with Reference.open(source) as reference:
        sic, valid = reference.on(FINE).read(Window(-5, -5, 50, 50))
    assert valid.all()
    assert 19 <= sic.min() <= sic.max() <= 21


def test_fractions_become_percent(raster):
    with Reference.open(raster("sic.tif", SIC / np.float32(100))) as reference:
        own, valid = reference.read_own()
        assert reference.notes == [
            "sic.tif: values 0 to 1 are taken as fractions and multiplied by 100"
        ]
    assert valid.all()
    np.testing.assert_allclose(own, SIC, atol=1e-4)


def test_flags_are_left_out_and_counted(raster):
    values = np.array([[0, 50, 100], [251, 254, 255]], dtype=np.uint8)
    with Reference.open(raster("sic.tif", values)) as reference:
        own, valid = reference.read_own()
        assert reference.notes == [
            "sic.tif: 3 pixels above 100 % (251 to 255) are flags, not SIC, and are left out"
        ]
    assert valid.tolist() == [[True] * 3, [False] * 3]
    assert np.isnan(own[1]).all()


@pytest.mark.parametrize("scale", [0.004, 0.01])
def test_flags_of_a_fraction_product_are_left_out(raster, scale):
    values = np.array([[0, 50, 100, 240], [251, 254, 255, 120]], dtype=np.uint8)
    values[values < 250] = (values[values < 250] * (0.004 / scale)).astype(np.uint8)
    source = raster("sic.tif", values, scales=(scale, 0))
    with Reference.open(source) as reference:
        own, valid = reference.read_own()
        assert "taken as fractions" in reference.notes[0]
        assert "3 pixels above 1 (" in reference.notes[1]
    assert valid.sum() == 5
    assert own[valid].max() == pytest.approx(96, abs=1)


def test_negative_values_are_left_out_and_counted(raster):
    values = np.array([[-10, 50, 100], [-999, 3, 7]], dtype=np.int16)
    with Reference.open(raster("sic.tif", values)) as reference:
        _, valid = reference.read_own()
        assert "2 pixels below 0 % (-999 to -10) are flags" in reference.notes[0]
    assert valid.sum() == 4


def test_little_ice_in_percent_is_not_taken_for_fractions(raster):
    values = np.linspace(0, 2.5, 600, dtype=np.float32).reshape(20, 30)
    with Reference.open(raster("sic.tif", values)) as reference:
        own, valid = reference.read_own()
    assert np.array_equal(own, values)
    assert valid.all()


def test_footprint_is_given_or_in_the_file_or_the_pixel_size(raster):
    tagged = raster("a.tif", SIC, size=6250, tags={"SEAICE_FOOTPRINT_M": "12000"})
    plain = raster("b.tif", SIC, size=6250)
    for source, given, expected in [
        (tagged, 9000, 9000),
        (tagged, None, 12000),
        (plain, None, 6250),
        (plain, 0, 6250),
    ]:
        with Reference.open(source, given) as reference:
            assert reference.footprint_m == expected
            assert reference.resolution_m == 6250


def test_a_reference_elsewhere_cannot_be_learnt_from(raster):
    source = raster("sic.tif", SIC, size=4000, origin=(0, 0))
    with (
        Reference.open(source) as reference,
        pytest.raises(SeaIceError, match=r"sic\.tif has no SIC where the scene lies.*CRS"),
    ):
        reference.check_use(FINE)


def test_one_value_cannot_be_learnt_from(raster):
    values = np.full((2, 3), 100, dtype=np.float32)
    values[0, 0] = np.nan
    with (
        Reference.open(raster("sic.tif", values, size=4000)) as reference,
        pytest.raises(SeaIceError, match=r"one value only \(100 %\).*water and ice"),
    ):
        reference.check_use(FINE)
    with Reference.open(raster("b.tif", SIC, size=4000)) as reference:
        reference.check_use(FINE)


@pytest.mark.parametrize("fill", [255, 200])
def test_a_layer_without_sic_is_an_error(raster, fill):
    source = raster("sic.tif", np.full((2, 3), fill, dtype=np.uint8), nodata=255)
    with (
        pytest.raises(SeaIceError, match=r"sic\.tif: no value between 0 and 100 %"),
        Reference.open(source),
    ):
        pass


def test_real_products_open(real_data):
    folder = real_data / "sic_products"
    for name, low, share in [
        ("bremen_amsr2/bremen_sea_ice_conc_2022_9_9.tif", 15, 0.28),
        ("nsidc_geotiff/nt_20201024_f18_nrt_s.tif", 0, 0.79),
    ]:
        with Reference.open(RasterSource(str(folder / name))) as reference:
            sic, valid = reference.read_own()
        assert sic[valid].min() == pytest.approx(low, abs=0.1)
        assert sic[valid].max() == 100
        assert valid.mean() == pytest.approx(share, abs=0.01)


def test_values_that_are_left_out_are_gone_with_or_without_a_mask(raster):
    sic = raster("sic.tif", SIC, size=4000)
    where = np.array([[True, False, False], [False, False, True]])
    sea = raster("mask.tif", np.array([[1, 0, 1], [1, 1, 1]], np.uint8), size=4000)
    for mask, masked in ((None, [[False] * 3] * 2), (sea, [[False, True, False], [False] * 3])):
        with Reference.open(sic, mask=mask) as reference:
            reference.leave_out(where)
            assert np.array_equal(reference.read_own()[1], ~(where | masked))
            wide, valid = reference.read_own(Window(-1, -1, 4, 5))
            assert np.array_equal(valid[1:3, 1:4], ~(where | masked))
            assert np.isnan(wide[~valid]).all()
            fine = reference.on(FINE).read(FINE.window)[1]
            assert np.array_equal(fine, np.kron(~(where | masked), np.ones((100, 100), bool)))
            if mask:  # of the values that are left in
                assert reference.share_masked(FINE) == pytest.approx(1 / 4)


def test_a_mask_leaves_out_values_by_their_pixels_centres(raster):
    sic = raster("sic.tif", SIC, size=4000)
    values = np.ones((200, 300), np.uint8)
    values[:100, :100] = 0
    values[50, 50] = 1  # the centre of the first value is sea after all
    values[140:160, 140:160] = 255  # the centre of the fifth has no data
    mask = raster("mask.tif", values, nodata=255)
    with Reference.open(sic, mask=mask) as reference:
        own, valid = reference.read_own()
        fine, holds = reference.on(FINE).read(FINE.window)
        assert reference.share_masked(FINE) == pytest.approx(1 / 6)
        reference.check_use(FINE)
    expected = [[True, True, True], [True, False, True]]
    assert valid.tolist() == expected
    assert np.array_equal(np.isfinite(own), valid)
    assert np.array_equal(holds, np.kron(expected, np.ones((100, 100), bool)))
    assert np.array_equal(np.isfinite(fine), holds)


def test_fractions_are_recognised_by_all_values_whatever_the_mask_leaves(raster):
    sic = raster("sic.tif", np.array([[0, 0.5, 1, 0]], np.float32), size=4000)
    with Reference.open(sic, mask=raster("m.tif", np.array([[1, 0, 0, 1]]), size=4000)) as found:
        assert found.is_fraction
        assert found.read_own()[1].tolist() == [[True, False, False, True]]


def test_a_mask_of_all_values_cannot_be_learnt_with(raster):
    sic = raster("sic.tif", SIC, size=4000)
    for mask in (
        raster("land.tif", np.zeros((2, 3), np.uint8), size=4000),
        raster("elsewhere.tif", np.ones((2, 3), np.uint8), size=4000, origin=(0, 0)),
    ):
        message = f"sic.tif has no SIC where the scene lies, or {mask.name or mask.label} leaves"
        with (
            Reference.open(sic, mask=mask) as reference,
            pytest.raises(SeaIceError, match=message),
        ):
            reference.check_use(FINE)


@pytest.mark.parametrize(
    ("tags", "description", "unit", "band", "expected"),
    [
        ({"SEAICE_UNCERTAINTY_BAND": "2"}, None, None, 1, True),
        ({}, "Uncertainty of the sea-ice concentration", "%", 1, True),
        ({}, "Uncertainty", None, 1, False),  # of what unit?
        ({}, "Flags", "%", 1, False),
        ({}, None, None, 1, False),
        ({"SEAICE_UNCERTAINTY_BAND": "7"}, None, None, 1, False),
        ({"SEAICE_UNCERTAINTY_BAND": "two"}, None, None, 1, False),
        ({"SEAICE_UNCERTAINTY_BAND": "2"}, None, None, 2, False),  # the analyst chose band 2
    ],
)
def test_a_file_says_which_band_is_its_uncertainty(raster, tags, description, unit, band, expected):
    source = raster("sic.tif", np.stack([SIC, SIC / 10]), tags=tags, source={"band": band})
    with rasterio.open(source.path, "r+") as dataset:
        if description:
            dataset.set_band_description(2, description)
        if unit:
            dataset.set_band_unit(2, unit)
    with Reference.open(source) as reference:
        assert reference.has_uncertainty is expected
        found = reference.on(reference.own_grid).read_uncertainty(reference.own_grid.window)
    if expected:
        np.testing.assert_allclose(found, SIC / 10)
    else:
        assert np.isnan(found).all()


def test_uncertainties_that_cannot_be_are_unknown(raster):
    odd = np.array([[-1, 0, 100], [101, np.nan, 5]], np.float32)
    source = raster("sic.tif", np.stack([SIC, odd]), tags={"SEAICE_UNCERTAINTY_BAND": "2"})
    with Reference.open(source) as reference:
        found = reference.on(reference.own_grid).read_uncertainty(reference.own_grid.window)
    expected = np.where((odd >= 0) & (odd <= 100), odd, np.nan)
    np.testing.assert_array_equal(found, expected)
