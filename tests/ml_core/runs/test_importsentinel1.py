import re

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer

from ml_core.errors import CancelledError, JobError, SeaIceError
from ml_core.events import Progress
from ml_core.jobs import ImportSentinel1Job, LandMaskJob
from tests.builders.jobs import execute
from tests.builders.safe import MadeUp, real_annotation, real_annotation_product, zipped

HALF_STEP_DB = 0.002
AREA_SCALE = 0.955
"""Of EPSG:3413, whose scale is 1 at 70 N, at 80 N."""


class Imported:
    """A finished import: its outputs, numbers and messages."""

    def __init__(self, product, folder, cancelled=lambda: False, **parameters):
        folder.mkdir(exist_ok=True)
        self.paths = {name: str(folder / f"{name}.tif") for name in ("hh", "hv", "incidence")}
        job = ImportSentinel1Job(product=str(product), **{**self.paths, **parameters})
        self.done, self.events = execute(job, cancelled)

    def read(self, name):
        with rasterio.open(self.paths[name]) as dataset:
            return dataset.read(1, masked=True)

    def open(self, name):
        return rasterio.open(self.paths[name])

    @property
    def warnings(self):
        return self.events.texts("warning")

    @property
    def infos(self):
        return self.events.texts("info")


@pytest.fixture
def imported(tmp_path):
    def make(changes=None, **parameters):
        (tmp_path / "product").mkdir()
        return Imported(
            MadeUp(**(changes or {})).write(tmp_path / "product"), tmp_path / "out", **parameters
        )

    return make


def test_sigma0_and_incidence_angle_come_out_georeferenced(imported):
    result = imported({"digital_numbers": {"HV": 150}})
    assert result.read("hh").compressed() == pytest.approx(
        10 * np.log10((300**2 - 1e4) / 600**2), abs=HALF_STEP_DB
    )
    assert result.read("hv").compressed() == pytest.approx(
        10 * np.log10((150**2 - 1e4) / 600**2), abs=HALF_STEP_DB
    )
    angle = result.read("incidence").compressed()
    assert angle.min() == pytest.approx(25, abs=0.01)
    assert angle.max() == pytest.approx(MadeUp().incidence_deg(239), abs=0.01)
    with result.open("hv") as dataset:
        assert dataset.crs.to_epsg() == 3413
        assert dataset.res == (80, 80)
        assert dataset.nodata == -9999
        assert dataset.descriptions == ("sigma0 HV",)
        assert dataset.units == ("dB",)
    area_px = AREA_SCALE * 200 * 240 / 4
    assert result.read("hh").count() == pytest.approx(area_px, rel=0.02)
    fractions = [e.fraction for e in result.events if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_the_product_is_described_in_the_tags(imported):
    result = imported({"platform": "B", "mode": "IW"})
    with result.open("hv") as dataset:
        tags = dataset.tags()
    expected = {
        "SEAICE_PLATFORM": "S1B",
        "SEAICE_MODE": "IW",
        "SEAICE_ORBIT": "12345",
        "SEAICE_RELATIVE_ORBIT": "20",
        "SEAICE_PASS": "DESCENDING",
        "SEAICE_START": "2024-03-01T12:00:00.000000",
        "SEAICE_STOP": "2024-03-01T12:01:00.000000",
        "SEAICE_IPF": "3.52",
        "SEAICE_NOISE": "scaled, range",
        "SEAICE_FLOOR_DB": "-40",
        "SEAICE_ZERO_DB": "-40",
        "SEAICE_RESOLUTION_M": "80",
        "SEAICE_POLARISATION": "HV",
    }
    assert {name: tags.get(name) for name in expected} == expected
    assert tags["SEAICE_PRODUCT"].startswith("S1B_IW_GRDM_1SDH")
    assert any("across the track only; scalloping" in text for text in result.warnings)


def test_radio_interference_is_in_the_tags_of_its_polarisation(tmp_path):
    safe = MadeUp().write(tmp_path / "product")
    (safe / "annotation" / "rfi").mkdir()
    (safe / "annotation" / "rfi" / "rfi.xml").write_text(
        "<rfi><adsHeader><polarisation>HV</polarisation></adsHeader><rfiMitigationApplied>Time"
        "</rfiMitigationApplied><rfiBurstReport><timeDomainRfiReport><percentageAffectedLines>12.5"
        "</percentageAffectedLines></timeDomainRfiReport></rfiBurstReport></rfi>"
    )
    result = Imported(safe, tmp_path / "out")
    text = "12.5 % of the lines (1 of 1 bursts), mitigated by the processor"
    assert any(f"radio interference in HV: {text}" in line for line in result.warnings)
    with result.open("hv") as hv, result.open("hh") as hh:
        assert hv.tags()["SEAICE_RFI"] == text
        assert "SEAICE_RFI" not in hh.tags()


def coastline(path, product, first_line, stop_line):
    """Land under some of a made-up product's lines, as a layer in longitude and latitude."""
    corners = [(line, pixel) for pixel in (-20, 260) for line in (first_line, stop_line)]
    land = shapely.MultiPoint([product.place(*corner) for corner in corners]).convex_hull
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(land)], object),
        field_data=[],
        fields=[],
        geometry_type="Polygon",
        crs="EPSG:4326",
        driver="GPKG",
    )
    return str(path)


def test_land_is_nodata_where_the_land_mask_has_it(imported, tmp_path):
    coast = coastline(tmp_path / "coast.gpkg", MadeUp(), 100, 150)
    result = imported({}, coastline=coast)
    mask = str(tmp_path / "mask.tif")
    execute(LandMaskJob(grid=result.paths["hh"], coastline=coast, output=mask))
    with rasterio.open(mask) as dataset:
        sea = dataset.read(1) == 1
    whole = Imported(tmp_path / "product" / next((tmp_path / "product").iterdir()), tmp_path / "b")
    for name in ("hh", "hv", "incidence"):
        with_land, without = whole.read(name), result.read(name)
        assert np.array_equal(np.ma.getmaskarray(without), with_land.mask | ~sea)
        assert np.array_equal(without.compressed(), with_land[sea].compressed())
    assert 0.2 < (~sea & ~whole.read("hh").mask).sum() / whole.read("hh").count() < 0.3
    shares = [each.done.numbers["VALID_FRACTION"] for each in (result, whole)]
    assert shares[0] / shares[1] == pytest.approx(
        result.read("hh").count() / whole.read("hh").count()
    )
    with result.open("hv") as dataset:
        assert dataset.tags()["SEAICE_COASTLINE"] == "coast.gpkg"
    with whole.open("hv") as dataset:
        assert "SEAICE_COASTLINE" not in dataset.tags()


def test_a_product_on_land_is_refused(imported, tmp_path):
    coast = coastline(tmp_path / "coast.gpkg", MadeUp(), -50, 250)
    with pytest.raises(SeaIceError, match="digital numbers are 0 or lie on land"):
        imported({}, coastline=coast)
    assert not list((tmp_path / "out").iterdir())


def test_bright_targets_are_where_they_belong(imported):
    product = MadeUp(origin=(179.95, 78))  # across the 180th meridian
    numbers = np.full((200, 240), 120)
    targets = [(50, 60), (120, 200), (180, 30)]
    for line, pixel in targets:
        numbers[line - 1 : line + 2, pixel - 1 : pixel + 2] = 5000
    result = imported({"origin": product.origin, "digital_numbers": {"HH": numbers}}, resolution=40)
    values = result.read("hh").filled(-99)
    with result.open("hh") as dataset:
        transformer = Transformer.from_crs("EPSG:4326", dataset.crs, always_xy=True)
        for line, pixel in targets:
            x, y = transformer.transform(*product.place(line, pixel))
            row, col = (~dataset.transform @ (float(x), float(y)))[::-1]
            part = values[int(row) - 5 : int(row) + 6, int(col) - 5 : int(col) + 6]
            power = 10 ** (part / 10)
            rows, cols = np.mgrid[-5:6, -5:6]
            centre = (power * rows).sum() / power.sum(), (power * cols).sum() / power.sum()
            at = int(row) + centre[0] + 0.5, int(col) + centre[1] + 0.5
            assert at == pytest.approx((row, col), abs=0.05)


def power_of(values_db, floor_db):
    """What a file's dB stand for, as the help says it."""
    x = 10 ** (np.asarray(values_db, float) / 10)
    return x - 10 ** (2 * floor_db / 10) / x


def test_negative_power_survives_the_file(imported):
    generator = np.random.default_rng(0)
    noise = 1e4
    # water whose echo is a tenth of the noise: single pixels are as often below it as above
    signal = 0.1 * noise
    power = (noise + signal) * generator.gamma(10, size=(200, 240)) / 10
    numbers = np.sqrt(power).round().astype(int)
    result = imported({"digital_numbers": {"HV": numbers}}, noise="esa", floor=-38)
    expected = ((numbers.astype(float) ** 2).mean() - noise) / 600**2
    values = result.read("hv").compressed()
    share = 100 * (values < -38).mean()
    assert 20 < share < 45
    assert power_of(values, -38).mean() == pytest.approx(expected, rel=0.1)
    assert result.done.numbers["FLOORED_HV"] == pytest.approx(share, abs=0.1)
    assert result.done.numbers["FLOORED_HH"] == 0
    assert any(
        re.match(r"HV: \d\d\.\d\d % of the pixels are not above the noise", t) for t in result.infos
    )
    # what is bright is its dB, to 0.004 dB
    assert result.read("hh").compressed() == pytest.approx(
        10 * np.log10((300**2 - 1e4) / 600**2), abs=HALF_STEP_DB
    )


def test_power_of_nothing_is_the_floor(imported):
    result = imported({"digital_numbers": {"HV": 100}}, noise="esa", floor=-43)
    assert result.read("hv").compressed() == pytest.approx(-43, abs=HALF_STEP_DB)
    with result.open("hv") as dataset:
        assert dataset.tags()["SEAICE_ZERO_DB"] == "-43"


def test_nodata_is_masked_in_every_output(imported):
    numbers = np.full((200, 240), 300)
    numbers[:, 180:] = 0
    result = imported({"digital_numbers": {"HV": numbers}})
    masks = [np.ma.getmaskarray(result.read(name)) for name in ("hh", "hv", "incidence")]
    assert (masks[0] == masks[1]).all()
    assert (masks[0] == masks[2]).all()
    assert (~masks[0]).sum() == pytest.approx(AREA_SCALE * 200 * 180 / 4, rel=0.02)


def test_noise_can_be_left_in(imported):
    result = imported(noise="none")
    assert result.read("hh").compressed() == pytest.approx(20 * np.log10(0.5), abs=HALF_STEP_DB)
    with result.open("hh") as dataset:
        assert dataset.tags()["SEAICE_NOISE"] == "none"


def test_a_product_without_noise_values_needs_noise_none(imported):
    with pytest.raises(SeaIceError, match="holds no values; set Thermal noise to none"):
        imported({"noise_range": [(0, [0, 239], [0, 0])]})


def test_vv_and_vh_are_named_as_such(imported):
    result = imported({"polarisations": ("VV", "VH")})
    with result.open("hh") as dataset:
        assert dataset.descriptions == ("sigma0 VV",)
        assert dataset.tags()["SEAICE_POLARISATION"] == "VV"
    with result.open("hv") as dataset:
        assert dataset.tags()["SEAICE_POLARISATION"] == "VH"
    assert any("holds VV and VH" in text for text in result.warnings)


def test_a_zip_gives_the_same_as_its_folder(tmp_path):
    safe = MadeUp(origin=(20, -70)).write(tmp_path)
    folder = Imported(safe, tmp_path / "a")
    archive = Imported(zipped(safe, tmp_path / "product.zip"), tmp_path / "b")
    with folder.open("hh") as dataset:
        assert dataset.crs.to_epsg() == 3031
    for name in ("hh", "hv", "incidence"):
        assert (folder.read(name) == archive.read(name)).all()


@pytest.mark.parametrize(("crs", "size"), [("EPSG:32633", 100.0), ("EPSG:4326", 100 / 111195)])
def test_another_crs_and_resolution(imported, crs, size):
    result = imported(crs=crs, resolution=100)
    with result.open("hh") as dataset:
        assert dataset.crs.to_string() == crs
        assert dataset.res[1] == pytest.approx(size)
    assert result.read("hh").count() == pytest.approx(200 * 240 * 0.16, rel=0.03)


def test_a_resolution_finer_than_the_pixels_is_warned_of(imported):
    result = imported(resolution=20)
    assert result.read("hh").count() == pytest.approx(AREA_SCALE * 200 * 240 * 4, rel=0.02)
    assert any("finer than the product's pixels of 40 m" in text for text in result.warnings)


def test_outputs_can_be_left_out(tmp_path):
    safe = MadeUp().write(tmp_path)
    result = Imported(safe, tmp_path / "out", hh=None, incidence=None)
    assert set(result.done.outputs) == {"HV"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hv.tif"]
    with pytest.raises(JobError, match="no output is asked for"):
        ImportSentinel1Job(product=str(safe))


def test_a_truncated_image_is_an_error_and_leaves_nothing(tmp_path):
    safe = MadeUp(lines=600).write(tmp_path)
    path = safe / "measurement" / "s1a-ew-grd-hv-002.tiff"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SeaIceError, match=r"measurement of HV: .*(truncated|cannot be opened)"):
        Imported(safe, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    path.write_bytes(b"no TIFF")
    with pytest.raises(SeaIceError, match="measurement of HV: cannot be opened as a TIFF"):
        Imported(safe, tmp_path / "out")


def test_an_image_of_another_size_is_an_error(tmp_path):
    safe = MadeUp(more={"product": [("<numberOfLines>200", "<numberOfLines>201")]}).write(tmp_path)
    with pytest.raises(SeaIceError, match="has 200 x 240 px and 1 bands; its annotation has 201"):
        Imported(safe, tmp_path / "out")


def test_an_empty_image_is_an_error(imported):
    with pytest.raises(SeaIceError, match="no pixel of it is valid"):
        imported({"digital_numbers": {"HH": 0}})


def test_a_broken_geolocation_grid_is_an_error(tmp_path):
    product = MadeUp()
    latitude = f"{float(product.place(50, 80)[1]):.15e}"
    safe = MadeUp(more={"product": [(latitude, "8.1e1")]}).write(tmp_path)
    with pytest.raises(SeaIceError, match="the geolocation grid is not smooth: a point lies"):
        Imported(safe, tmp_path / "out")


def test_cancelling_leaves_nothing(tmp_path):
    safe = MadeUp().write(tmp_path)
    with pytest.raises(CancelledError):
        Imported(safe, tmp_path / "out", cancelled=lambda: True)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.skipif(real_annotation() is None, reason="SEAICE_TEST_DATA is not set")
def test_real_annotation_with_simulated_pixels(tmp_path):
    """Cropped to the first 900 lines and 1500 pixels, where nodes on land lie nearby."""
    safe = real_annotation_product(tmp_path, lines=900, samples=1500)
    result = Imported(safe, tmp_path / "out", resolution=160)
    angle = result.read("incidence")
    assert angle.min() == pytest.approx(18.88, abs=0.05)
    assert angle.count() == pytest.approx(AREA_SCALE * 900 * 1500 / 16, rel=0.02)
    assert any("58 of them on land up to 670 m high" in text for text in result.infos)
    with result.open("hv") as dataset:
        assert dataset.tags()["SEAICE_NOISE"] == "scaled, range and azimuth"
    with result.open("hh") as dataset:
        assert dataset.tags()["SEAICE_PRODUCT"].startswith("S1A_EW_GRDM_1SDH_20221130T014342")
        assert dataset.tags()["SEAICE_NOISE"] == "ESA, range and azimuth"
        # the annotated place of the image's first pixel
        x, y = Transformer.from_crs("EPSG:4326", 3413, always_xy=True).transform(
            1.027865159537966e02, 8.011403129619849e01
        )
        col, row = ~dataset.transform @ (x, y)
        valid = dataset.read_masks(1) > 0
        rows, cols = np.nonzero(valid)
        corner = np.hypot(rows + 0.5 - row, cols + 0.5 - col).min()
    assert corner < 1
