import numpy as np
import pytest

from ml_core.inputs.sentinel1.nesz import NeszField
from ml_core.inputs.sentinel1.noiseremoval import ImageSource
from ml_core.inputs.sentinel1.product import Product
from tests.builders.safe import MadeUp


def test_it_is_the_noise_over_the_squared_calibration_at_the_nearest_place(tmp_path):
    pixels = np.arange(240)
    product = MadeUp(
        noise_range=[(0, pixels, 1e4 + 10.0 * pixels), (199, pixels, 2e4 + 10.0 * pixels)],
        sigma_factor=np.linspace(600, 700, 240),
    ).write(tmp_path)
    source = ImageSource.read(Product(str(product)), "HV")
    field = NeszField(source.noise, source.calibration, 200)
    rows = source.noise.rows(0, 200) / source.calibration.rows(0, 200) ** 2
    line, pixel = np.meshgrid(np.arange(200.0), np.arange(240.0), indexing="ij")
    assert field.at(line, pixel) == pytest.approx(rows, rel=0.09)  # 16 lines
    assert field.at(np.array([16.0]), np.array([7.3])) == pytest.approx(rows[16, 7])
    # beyond the image the nearest
    assert field.at(np.array([-9.0, 500]), np.array([-9.0, 500])) == pytest.approx(
        [rows[16, 0], rows[176, 239]]
    )
    assert field.quiet == pytest.approx(np.quantile(rows, 0.3), rel=0.03)
