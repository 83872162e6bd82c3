"""Rasters that are written: tiled, compressed GeoTIFFs with overviews."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as FileWindow

from ..errors import SeaIceError
from .blocks import SharedBlocks
from .grid import Grid, Window

BLOCK_PX = 512
"""Side of the blocks of a file."""

_SMALLEST_OVERVIEW_PX = 256

_LEAST_FREE_MIB = 4

_MOST_CLASSIC_BYTES = 2**30
"""A file with more uncompressed values than this may pass the 4 GiB that a classic TIFF can hold:
overviews add a third, and blocks written more than once leave their old copies behind."""

COMPRESSIONS: Mapping[str, Mapping[str, str]] = {
    "deflate": {"COMPRESS": "DEFLATE", "ZLEVEL": "1"},
    "zstd": {"COMPRESS": "ZSTD", "ZSTD_LEVEL": "1"},
    "lerc": {"COMPRESS": "LERC_ZSTD", "MAX_Z_ERROR": "0.01", "ZSTD_LEVEL": "1"},
    "none": {},
}
"""GDAL creation options by name; lerc keeps values to 0.01 of their unit."""

BACKSCATTER_STEP_DB = 2.0**-8
"""0.004 dB: a tenth of the step from a digital number of 200 to the next, far less than speckle.
Files take two thirds of the space, and are written and read in half of the time."""


@dataclass(frozen=True)
class BandInfo:
    """What a written band holds.

    Attributes:
        description: Its name, such as ``Sea-ice concentration``.
        unit: Its unit, such as ``%``.
        step: Values are rounded to multiples of it, a power of two: their last bits are 0 then,
            which compress to nothing. None: they are written as they are.
    """

    description: str
    unit: str = ""
    step: float | None = None


def backscatter_band(polarisation: str) -> BandInfo:
    """Return the band of sigma0 in dB of HH, HV, VV or VH, rounded to `BACKSCATTER_STEP_DB`."""
    return BandInfo(f"sigma0 {polarisation}", "dB", BACKSCATTER_STEP_DB)


class RasterWriter:
    """A GeoTIFF that is written window by window; use as a context manager.

    Windows may begin and end anywhere. Blocks that several of them share are written once all of
    them have come: compressing a block again costs time, and its old copy would stay in the file.

    Leaving it with an error leaves an unfinished file behind, which `OutputFiles` removes.

    Args:
        nodata: The nodata value; NaN in written values becomes it.
        dtype: Data type of the values.
        tags: Metadata of the file.
        compression: A name in COMPRESSIONS.
        block_px: Side of the file's blocks, a multiple of 16.
        overviews: Whether to build overviews.
        averaged: Whether overviews of float data are averages; else they are nearest pixels, as
            those of other data are.

    Raises:
        SeaIceError: The file cannot be written, because the disk is full or it is open elsewhere.
    """

    def __init__(
        self,
        path: str,
        grid: Grid,
        bands: Sequence[BandInfo],
        *,
        nodata: float | None = -9999.0,
        dtype: str = "float32",
        tags: Mapping[str, str] | None = None,
        compression: str = "deflate",
        block_px: int = BLOCK_PX,
        overviews: bool = True,
        averaged: bool = True,
    ) -> None:
        self.grid = grid
        self._path = path
        self._block_px = block_px
        self._nodata = nodata
        self._dtype = np.dtype(dtype)
        self._overviews = overviews
        self._averaged = averaged and self._dtype.kind == "f"
        self._steps = np.array([[[band.step or 0]] for band in bands], self._dtype)  # (B, 1, 1)
        self._compression = dict(COMPRESSIONS[compression])
        # a predictor brings rounded values little, and undoing it takes as long as decompressing
        if compression in ("deflate", "zstd") and not all(band.step for band in bands):
            self._compression["PREDICTOR"] = "3" if self._dtype.kind == "f" else "2"
        size = len(bands) * grid.height * grid.width * self._dtype.itemsize
        try:
            self._dataset = rasterio.open(
                path,
                "w",
                driver="GTiff",
                height=grid.height,
                width=grid.width,
                count=len(bands),
                dtype=self._dtype.name,
                crs=grid.crs,
                transform=grid.transform,
                nodata=nodata,
                tiled=True,
                # blocks that hold all bands would be written once for each band, and the file
                # keep the old copies: up to several times its size, past 4 GiB an error
                interleave="band",
                blockxsize=block_px,
                blockysize=block_px,
                BIGTIFF="YES" if size > _MOST_CLASSIC_BYTES else "NO",
                NUM_THREADS="ALL_CPUS",
                **self._compression,
            )
            self._dataset.update_tags(**dict(tags or {}))
            for index, band in enumerate(bands, 1):
                self._dataset.set_band_description(index, band.description)
                self._dataset.set_band_unit(index, band.unit)
            self._shared = SharedBlocks(
                grid.shape, len(bands), block_px, np.full((), nodata or 0, self._dtype), self._put
            )
        except RasterioError as error:
            raise self._failure(str(error)) from error

    def __enter__(self) -> RasterWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._shared.finish()
            self._dataset.close()
            if kind is None:
                self._verify(())
                factors = overview_factors(*self.grid.shape)
                if self._overviews and factors:
                    self._build_overviews(factors)
                    self._verify(factors)
        except (RasterioError, CPLE_BaseError) as close_error:
            # rasterio passes on GDAL's own errors where overviews cannot read a broken block
            if kind is None:
                raise self._failure(str(close_error)) from close_error

    def write(self, window: Window, values: NDArray[np.generic]) -> None:
        """Write the values of a window.

        Args:
            window: Where they belong; inside the grid.
            values: (B, window.height, window.width), or without B for one band; NaN becomes
                nodata.

        Raises:
            SeaIceError: The file cannot be written.
        """
        if values.ndim == 2:
            values = values[None]  # (1, h, w)
        # where any is NaN the minimum is NaN
        if (
            self._nodata is not None
            and values.dtype.kind == "f"
            and np.isnan(values.min(initial=np.inf))
        ):
            values = np.where(np.isnan(values), self._nodata, values)
        values = values.astype(self._dtype, copy=False)
        if self._steps.any():
            values = _rounded(values, self._steps)
        self._shared.add(window, values)

    def _put(self, window: Window, values: NDArray[np.generic]) -> None:
        place = FileWindow(window.col, window.row, window.width, window.height)
        if self._free_mib() < _LEAST_FREE_MIB:
            raise self._failure("no space is left")
        try:
            self._dataset.write(values, window=place)
        except RasterioError as error:
            raise self._failure(str(error)) from error

    def _build_overviews(self, factors: list[int]) -> None:
        method = Resampling.average if self._averaged else Resampling.nearest
        options = {f"{name}_OVERVIEW": value for name, value in self._compression.items()}
        with (
            rasterio.Env(
                GDAL_NUM_THREADS="ALL_CPUS",
                GDAL_TIFF_OVR_BLOCKSIZE=str(self._block_px),
                **options,
            ),
            rasterio.open(self._path, "r+") as dataset,
        ):
            dataset.build_overviews(factors, method)

    def _verify(self, factors: Sequence[int]) -> None:
        """Check that every block of the closed file and of its overviews is there.

        GDAL compresses and writes blocks in threads of its own, and a failure there is reported
        nowhere: a file on a full disk closes without an error.
        """
        size = os.path.getsize(self._path)
        # not the factors that GDAL states, which it rounds: those of a narrow raster are wrong
        height, width = self.grid.shape
        with rasterio.open(self._path) as dataset:
            whole = all(len(dataset.overviews(band)) == len(factors) for band in dataset.indexes)
            for level, factor in enumerate((1, *factors)):
                for row in range(-(-height // (factor * self._block_px))):
                    for col in range(-(-width // (factor * self._block_px))):
                        for band in dataset.indexes:
                            whole = whole and _has_block(dataset, band, row, col, level, size)
        if not whole:
            raise self._failure("parts of the file are missing after writing")

    def _free_mib(self) -> float:
        try:
            return shutil.disk_usage(Path(self._path).parent).free / 2**20
        except OSError as error:
            raise SeaIceError(f"{self._path}: the output folder has gone ({error})") from error

    def _failure(self, why: str) -> SeaIceError:
        free_mib = self._free_mib()
        if free_mib < 64 or "space" in why.lower():
            return SeaIceError(
                f"{Path(self._path).parent}: the disk is full ({free_mib:.0f} MiB are free); free"
                " some space or choose an output on another disk"
            )
        return SeaIceError(
            f"{self._path}: cannot be written ({why}; {free_mib:.0f} MiB are free on the disk);"
            " check the quota, or choose another output file or folder"
        )


def _rounded(values: NDArray[Any], steps: NDArray[Any]) -> NDArray[Any]:
    """Round values (B, h, w) to multiples of steps (B, 1, 1); a step of 0 leaves them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(steps > 0, np.rint(values / steps) * steps, values)


def _has_block(
    dataset: rasterio.io.DatasetReader, band: int, row: int, col: int, level: int, size: int
) -> bool:
    overview = {"ovr": level - 1} if level else {}
    place = [
        dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band, **overview)
        for what in ("OFFSET", "SIZE")
    ]
    return None not in place and int(place[0]) + int(place[1]) <= size


def overview_factors(height: int, width: int) -> list[int]:
    """Return the factors 2, 4, 8 … of overviews down to about 256 px."""
    levels = math.ceil(math.log2(max(max(height, width) / _SMALLEST_OVERVIEW_PX, 1)))
    return [2**level for level in range(1, levels + 1)]
