"""Rasters made for the tests."""

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

POLAR = "EPSG:3413"
ORIGIN = (500_000.0, -1_000_000.0)


def write_raster(path, values, *, crs=POLAR, size=40.0, origin=ORIGIN, transform=None, **more):
    """Write (H, W) or (B, H, W) values as a GeoTIFF and return its path as text."""
    values = np.asarray(values)
    if values.ndim == 2:
        values = values[None]
    if transform is None:
        transform = Affine(size, 0, origin[0], 0, -size, origin[1])
    scales, tags = more.pop("scales", None), more.pop("tags", None)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=values.shape[0],
        height=values.shape[1],
        width=values.shape[2],
        dtype=values.dtype,
        crs=CRS.from_user_input(crs) if crs else None,
        transform=transform,
        **more,
    ) as dataset:
        dataset.write(values)
        if scales:
            dataset.scales, dataset.offsets = [scales[0]], [scales[1]]
        if tags:
            dataset.update_tags(**tags)
    return str(path)


def sigma0_db(shape, seed=0, mean=-15.0):
    """Smooth backscatter in dB with speckle."""
    generator = np.random.default_rng(seed)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    wave = 4 * np.sin(rows / 17) + 3 * np.cos(cols / 23)
    return (mean + wave + generator.normal(0, 1, shape)).astype(np.float32)
