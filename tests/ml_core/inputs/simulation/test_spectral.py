import numpy as np
import pytest
from scipy import ndimage

from ml_core.inputs.simulation.spectral import SpectralField, Spectrum
from ml_core.raster.grid import Window


def field(spectrum, size_m=200e3, seed=0):
    generator = np.random.default_rng(seed)
    return SpectralField(generator, spectrum, (size_m, size_m), (-5e3, -5e3), 1000.0, 50e3)


def test_interpolation_is_scipys_cubic_spline():
    made = field(Spectrum(50e3, 4e3, 3.2))
    rows = ((np.arange(-10, 290) + 0.5) * 200 + 5e3) / 1e3
    cols = ((np.arange(20, 420) + 0.5) * 200 + 5e3) / 1e3
    places = np.meshgrid(rows, cols, indexing="ij")
    expected = ndimage.map_coordinates(
        made.nodes, places, order=3, prefilter=False, mode="grid-wrap"
    )
    np.testing.assert_allclose(made.on(Window(-10, 20, 300, 400), 200.0), expected, atol=1e-5)


@pytest.mark.parametrize("slope", [2.5, 3.5])
def test_power_falls_with_the_slope_of_the_spectrum(slope):
    nodes = field(Spectrum(100e3, 1e3, slope), 1000e3).nodes
    power = np.abs(np.fft.fft2(nodes)) ** 2
    k = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 1000.0) for n in nodes.shape), indexing="ij"))
    bands = [(k > 1 / 44e3) & (k < 1 / 36e3), (k > 1 / 11e3) & (k < 1 / 9e3)]
    ratio = np.mean(power[bands[0]]) / np.mean(power[bands[1]])
    assert np.log(ratio) / np.log(4) == pytest.approx(slope, abs=0.3)


def test_stretched_features_lie_in_their_direction():
    nodes = field(Spectrum(20e3, 3e3, 4.0, stretch=5.0, direction_deg=0.0), 500e3).nodes
    along = np.corrcoef(nodes[:, :-8].ravel(), nodes[:, 8:].ravel())[0, 1]
    across = np.corrcoef(nodes[:-8].ravel(), nodes[8:].ravel())[0, 1]
    assert along > across + 0.3


def test_nearest_nodes_at_points():
    made = field(Spectrum(50e3, 4e3, 3.2))
    x_m, y_m = np.array([0.0, 12_300.0]), np.array([400.0, -5_000.0])
    np.testing.assert_array_equal(made.at(x_m, y_m), made.nodes[[5, 0], [5, 17]])
