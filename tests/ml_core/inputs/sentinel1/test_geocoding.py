import numpy as np
import pytest

from ml_core.events import Progress, Reporter
from ml_core.inputs.sentinel1 import geocoding
from ml_core.inputs.sentinel1.annotation import read_annotation
from ml_core.inputs.sentinel1.calibration import read_calibration, read_noise
from ml_core.inputs.sentinel1.geolocation import Geolocation
from ml_core.inputs.sentinel1.mapping import ImageMap, polar_crs, scene_grid
from ml_core.inputs.sentinel1.measurement import CalibratedImage
from ml_core.inputs.sentinel1.product import Product
from tests.builders.safe import MadeUp

FLOOR_DB = -12.0


@pytest.fixture
def mapped(tmp_path):
    """The whole map of a product with speckle: backscatter, angle, floored pixels, progress."""
    numbers = np.random.default_rng(0).integers(100, 400, (200, 240))
    product = Product(str(MadeUp(digital_numbers={"HH": numbers}).write(tmp_path)))
    source = product.files("HH")
    annotation = read_annotation(source.annotation)
    noise = read_noise(source.noise, source.calibration, annotation.samples, "EW", 3.52)
    calibration = read_calibration(source.calibration, annotation.samples)
    geolocation = Geolocation(annotation)
    grid = scene_grid(geolocation, polar_crs(geolocation), 120)

    def make():
        sigma0_db, angle = np.full((2, *grid.shape), np.nan)
        seen, events, floored = np.zeros(grid.shape, int), [], 0
        with CalibratedImage(
            source, annotation, calibration, noise, subtract=True, ipf=3.52
        ) as image:
            for block in geocoding.geocoded(
                [image],
                annotation,
                ImageMap(geolocation, grid, 120),
                120,
                FLOOR_DB,
                Reporter(events.append),
            ):
                sigma0_db[block.window.slices] = block.sigma0_db[0]
                angle[block.window.slices] = block.incidence_deg
                seen[block.window.slices] += 1
                floored += int(block.floored[0])
                np.testing.assert_array_equal(block.valid, np.isfinite(block.sigma0_db[0]))
        assert seen.max() == 1
        fractions = [event.fraction for event in events if isinstance(event, Progress)]
        assert fractions[-1] == 1
        return sigma0_db, angle, floored

    return make


def test_a_pixel_depends_on_neither_strips_nor_blocks(mapped, monkeypatch):
    whole = mapped()
    assert np.isfinite(whole[0]).sum() > 4000
    monkeypatch.setattr(geocoding, "BLOCK_PX", 16)
    monkeypatch.setattr(geocoding, "_STRIP_LINES", 8)
    parts = mapped()
    for one, other in zip(parts[:2], whole[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_pixels_at_the_floor_are_counted(mapped):
    sigma0_db, _, floored = mapped()
    assert np.nanmin(sigma0_db) == pytest.approx(FLOOR_DB, abs=1e-6)
    assert floored == (sigma0_db <= FLOOR_DB + 1e-6).sum() > 0
