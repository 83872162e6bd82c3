import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS
from scipy.ndimage import gaussian_filter

from ml_core.observation import band as observed
from ml_core.observation.band import ObservedBand, overlap
from ml_core.observation.support import FWHM_PER_SIGMA
from ml_core.raster.grid import Grid, Window
from ml_core.raster.reading import open_band


def smooth(shape, seed, sigma=6):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return np.clip(50 + 40 * field / field.std(), 0, 100).astype(np.float32)


def test_a_cell_gets_the_mean_of_its_pixels(write, make_grid):
    values = smooth((60, 80), 1)
    values[:10, :12] = np.nan
    values[0:6, 70] = np.nan
    with open_band(write("p.tif", values, make_grid(60, 80))) as band:
        found, valid = ObservedBand(band, make_grid(6, 8, 10_000), None).read(Window(0, 0, 6, 8))
    blocks = values.reshape(6, 10, 8, 10).transpose(0, 2, 1, 3).reshape(6, 8, 100)
    expected = np.nanmean(blocks, axis=2)
    np.testing.assert_array_equal(valid, np.isfinite(blocks).mean(axis=2) >= 0.5)
    np.testing.assert_allclose(found[valid], expected[valid], rtol=1e-5)
    assert np.isnan(found[~valid]).all()


def gaussian_oracle(values, grid, cells, footprint_m):
    """The weighted mean over all pixels around each cell's centre, summed pixel by pixel."""
    rows, cols = np.indices(values.shape)
    t = grid.transform
    x, y = t.a * (cols + 0.5) + t.c, t.e * (rows + 0.5) + t.f
    scale = grid.resolution_m / grid.pixel_size_m[0]  # map metres per metre on the ground
    sigma = footprint_m * scale / FWHM_PER_SIGMA
    result = np.zeros(cells.shape)
    for row, col in np.ndindex(cells.shape):
        cx, cy = cells.transform @ (col + 0.5, row + 0.5)
        weight = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
        holds = np.isfinite(values)
        share = weight[holds].sum() / (2 * np.pi * sigma**2 / grid.resolution_m**2)
        mean = (weight * np.nan_to_num(values)).sum() / weight[holds].sum()
        result[row, col] = mean if share >= 0.5 else np.nan
    return result


@pytest.mark.parametrize(
    ("size_m", "count"), [(1000, 60), (5000, 12), (10_000, 6)], ids=["coarser", "alike", "finer"]
)
def test_a_gaussian_footprint_weighs_the_pixels_around_a_cell(write, make_grid, size_m, count):
    """Working cells that are coarser than, as large as, and finer than the reference's cells."""
    grid = make_grid(60, 60)
    values = smooth((60, 60), 2, sigma=3)
    values[40:, 45:] = np.nan
    cells = make_grid(count, count, size_m)
    footprint_m = 35_000 if size_m == 1000 else 20_000
    with open_band(write("p.tif", values, grid)) as band:
        reader = ObservedBand(band, cells, footprint_m)
        found, valid = reader.read(cells.window)
    assert reader.is_gaussian
    expected = gaussian_oracle(values, grid, cells, footprint_m)
    # away from where exactly half is covered, and from the truncated tail
    both = valid & np.isfinite(expected)
    assert both.mean() > 0.7
    assert (valid == np.isfinite(expected)).mean() > 0.97
    np.testing.assert_allclose(found[both], expected[both], atol=0.5)
    assert np.abs(found[both] - expected[both]).mean() < 0.1


@pytest.mark.parametrize("footprint_m", [0, 30_000])
def test_what_a_cell_gets_does_not_depend_on_the_window(write, make_grid, monkeypatch, footprint_m):
    values = smooth((90, 90), 3)
    cells = make_grid(30, 30, 3000)
    with open_band(write("p.tif", values, make_grid(90, 90))) as band:
        whole, _ = ObservedBand(band, cells, footprint_m).read(cells.window)
        monkeypatch.setattr(observed, "_MOST_KEPT", 0)
        monkeypatch.setattr(observed, "_READ_PX", 16)
        reader = ObservedBand(band, cells, footprint_m)
        for window in (Window(0, 0, 7, 30), Window(7, 3, 20, 11), Window(29, 29, 1, 1)):
            found, _ = reader.read(window)
            np.testing.assert_allclose(found, whole[window.slices], rtol=1e-4)


@pytest.mark.parametrize(("epsg", "size_m"), [(6931, 12_500), (3411, 25_000)])
def test_another_crs(write, epsg, size_m):
    """A plane in map coordinates stays a plane: the mean over a cell is its value at the centre."""
    fine = Grid(CRS.from_epsg(3413), Affine(400, 0, -200_000, 0, -400, -1_000_000), 900, 900)
    rows, cols = np.indices(fine.shape)
    values = (10 + cols / 15 + rows / 30).astype(np.float32)
    to_cells = Transformer.from_crs(3413, epsg, always_xy=True)
    left, top = to_cells.transform(*(fine.transform @ (450, 450)))
    cells = Grid(
        CRS.from_epsg(epsg),
        Affine(size_m, 0, left - 5.5 * size_m, 0, -size_m, top + 5.5 * size_m),
        11,
        11,
    )
    with open_band(write("p.tif", values, fine)) as band:
        found, valid = ObservedBand(band, cells, 0).read(cells.window)
    t = cells.transform
    row, col = np.indices(cells.shape)
    x, y = to_cells.transform(t.a * (col + 0.5) + t.c, t.e * (row + 0.5) + t.f, direction="INVERSE")
    expected = 10 + ((x + 200_000) / 400 - 0.5) / 15 + ((-1_000_000 - y) / 400 - 0.5) / 30
    inside = valid & (np.abs(row - 5) < 4) & (np.abs(col - 5) < 4)
    assert inside.sum() == 49
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.2)


def test_the_prediction_is_never_compared_with_interpolated_reference_values(write, make_grid):
    """Cells finer than the prediction: it is the prediction that is interpolated."""
    values = np.array([[0, 100]], np.float32)
    with open_band(write("p.tif", values, make_grid(1, 2, 8000))) as band:
        found, valid = ObservedBand(band, make_grid(8, 16, 1000), 0).read(Window(4, 0, 1, 16))
    assert valid.all()
    assert (np.diff(found[0]) >= 0).all()
    assert found[0, 0] == 0
    assert found[0, -1] == 100


def test_overlap_holds_the_cells_on_a_prediction(make_grid):
    reference = make_grid(40, 40, 10_000)
    assert overlap(reference, make_grid(100, 100, 1000)) == Window(0, 0, 11, 11)
    far = make_grid(100, 100, 1000, left=5_000_000.0)
    assert overlap(reference, far).width == 0
