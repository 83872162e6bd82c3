import numpy as np
import pytest

from ml_core.events import Progress, Reporter
from ml_core.inputs.sentinel1 import geocoding
from ml_core.inputs.sentinel1.geolocation import Geolocation
from ml_core.inputs.sentinel1.mapping import ImageMap, polar_crs, scene_grid
from ml_core.inputs.sentinel1.noiseremoval import ImageSource, NoiseRemoval
from ml_core.inputs.sentinel1.product import Product
from ml_core.inputs.sentinel1.texture import Equalisation
from tests.builders.safe import MadeUp


@pytest.fixture
def mapped(tmp_path):
    """The whole map of a product with speckle: power, NESZ, angle; progress is checked."""
    numbers = np.random.default_rng(0).integers(100, 400, (200, 240))
    product = Product(str(MadeUp(digital_numbers={"HH": numbers}).write(tmp_path)))
    source = ImageSource.read(product, "HH")
    annotation = source.annotation
    geolocation = Geolocation(annotation)
    grid = scene_grid(geolocation, polar_crs(geolocation), 120)

    def make(equalisation=None):
        removal = NoiseRemoval(source, "ESA, range", source.noise, equalisation=equalisation)
        fields = np.full((3, *grid.shape), np.nan)
        seen, events = np.zeros(grid.shape, int), []
        with source.open(removal) as image:
            for block in geocoding.geocoded(
                [image],
                annotation,
                ImageMap(geolocation, grid, 120),
                120,
                removal,
                Reporter(events.append),
            ):
                for field, values in zip(
                    fields, (block.sigma0[0], block.nesz, block.incidence_deg), strict=True
                ):
                    field[block.window.slices] = values
                    np.testing.assert_array_equal(block.valid, np.isfinite(values))
                seen[block.window.slices] += 1
        assert seen.max() == 1
        fractions = [event.fraction for event in events if isinstance(event, Progress)]
        assert fractions[-1] == 1
        return fields

    return make


@pytest.mark.parametrize("equalisation", [None, Equalisation(1e-3, 20.0)])
def test_a_pixel_depends_on_neither_strips_nor_blocks(mapped, monkeypatch, equalisation):
    whole = mapped(equalisation)
    assert np.isfinite(whole[0]).sum() > 4000
    monkeypatch.setattr(geocoding, "BLOCK_PX", 16)
    monkeypatch.setattr(geocoding, "_STRIP_LINES", 8)
    np.testing.assert_allclose(mapped(equalisation), whole, rtol=1e-5, atol=1e-7)


def test_the_noise_is_given_as_sigma0(mapped):
    _, nesz, _ = mapped()
    assert nesz[np.isfinite(nesz)] == pytest.approx(1e4 / 600**2)
