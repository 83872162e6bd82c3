"""Scenes to learn from, made for the tests."""

from dataclasses import replace

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from scipy.ndimage import gaussian_filter

from ml_core.datasets.cells import CellCounts
from ml_core.datasets.scene_data import SceneData
from ml_core.observation.observations import footprints_on
from ml_core.raster.grid import Grid
from tests.builders.rasters import write_raster

PIXEL_M = 1000.0


def ice(shape, footprint_px=8.0, seed=0):
    """SIC in percent (H, W) of a field of floes, seen by a radiometer."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5 * footprint_px)
    sharp = (field > np.quantile(field, 0.45)) * 100.0
    return gaussian_filter(sharp, footprint_px / 2.3548).astype(np.float32)


def backscatter(sic, seed=0):
    """HH and HV in dB (2, H, W) that brighten with SIC, with speckle."""
    rng = np.random.default_rng(seed)
    trend = sic / 100
    hh = -18 + 8 * trend + rng.normal(0, 1, sic.shape)
    hv = -28 + 10 * trend + rng.normal(0, 1, sic.shape)
    return np.stack([hh, hv]).astype(np.float32)


def data_of(sic, pixels, footprint_px=8.0):
    """Training data in memory from a reference (H, W) and pixels (C, H, W)."""
    height, width = sic.shape
    array = np.concatenate([pixels, sic[None]]).transpose(1, 2, 0).astype(np.float32).copy()
    array[~np.isfinite(array).all(-1), -1] = np.nan
    cells = CellCounts.empty((height, width), footprint_px)
    cells.add(0, 0, array[..., -1])
    size = cells.size_px
    sums = np.zeros((*cells.count.shape, array.shape[-1]))
    for row, col in np.ndindex(cells.count.shape):
        part = array[row * size : (row + 1) * size, col * size : (col + 1) * size]
        sums[row, col] = part[np.isfinite(part[..., -1])].sum(0)
    grid = Grid(CRS.from_epsg(3413), Affine(PIXEL_M, 0, 5e5, 0, -PIXEL_M, -1e6), height, width)
    names = ("HH", "HV", "incidence_angle")[: array.shape[-1] - 1]
    seen = footprints_on(array[..., -1], footprint_px) if footprint_px > 1.25 else None
    data = SceneData(array, cells, sums, grid, names, footprint_px * PIXEL_M, footprint_px)
    return replace(data, observations=seen)


def write_scene(folder, sic, *, size, coarse=1):
    """Write a scene of a SIC (H, W), and the SIC in means over cells; paths by job field."""
    height, width = sic.shape
    means = sic.reshape(height // coarse, coarse, width // coarse, coarse).mean((1, 3))
    hh, hv = backscatter(sic)
    return {
        "hh": write_raster(folder / "hh.tif", hh, size=size),
        "hv": write_raster(folder / "hv.tif", hv, size=size),
        "reference": write_raster(folder / "sic.tif", means, size=coarse * size),
    }
