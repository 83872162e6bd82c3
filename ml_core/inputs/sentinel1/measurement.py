"""The measurement as it is read: strips of calibrated power, noise removed, borders masked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from ...errors import SeaIceError
from .annotation import Annotation, Subswath
from .calibration import LineTable, Noise
from .product import ImageFile
from .resampling import block_sums

_CLEAN_BORDER_SINCE_IPF = 2.9
"""Since then the processor sets what lies outside the swaths to 0."""

_BORDER_BLOCK = (8, 32)
"""Lines and pixels whose mean separates border from echo: its speckle is about 10 %."""

_ECHO_SHARE = 0.5
"""An echo adds to the thermal noise, so a mean below this share of it is none."""


class CalibratedImage:
    """Sigma0 of one polarisation, strip by strip; a context manager.

    Args:
        annotation: Its annotation, which has the size.
        calibration: Factor A of sigma0 = (DN^2 - eta) / A^2.
        noise: The thermal noise eta.
        subtract: Whether the noise is subtracted.
        offsets: Sigma0, linear, that is subtracted as well, by subswath.
        ipf: Version of the processor; border noise is masked for those before 2.9.

    Raises:
        SeaIceError: The image cannot be opened, or is not of the annotated size.
    """

    def __init__(
        self,
        source: ImageFile,
        annotation: Annotation,
        calibration: LineTable,
        noise: Noise,
        *,
        subtract: bool,
        ipf: float | None,
        offsets: Sequence[tuple[Subswath, float]] = (),
    ) -> None:
        self._label = label = source.label
        self._calibration = calibration
        self._noise = noise
        self._subtract = subtract
        self._offsets = [(part, b) for subswath, b in offsets if b for part in subswath.parts]
        self._mask_border = ipf is not None and ipf < _CLEAN_BORDER_SINCE_IPF
        try:
            self._dataset = rasterio.open(source.path)
        except RasterioError as error:
            raise SeaIceError(
                f"{label}: cannot be opened as a TIFF ({error}); download the product again"
            ) from error
        height, width, bands = self._dataset.height, self._dataset.width, self._dataset.count
        dtype, self._width = self._dataset.dtypes[0], width
        wrong = ""
        if (height, width, bands) != (annotation.lines, annotation.samples, 1):
            wrong = (
                f"has {height} x {width} px and {bands} bands; its annotation has"
                f" {annotation.lines} x {annotation.samples} px and one band."
                " Download the product again"
            )
        elif dtype != "uint16":
            wrong = f"holds {dtype} values; expected uint16, the amplitude of a GRD product"
        if wrong:
            self._dataset.close()
            raise SeaIceError(f"{label}: {wrong}")

    def __enter__(self) -> CalibratedImage:
        return self

    def __exit__(self, *error: object) -> None:
        self._dataset.close()

    def rows(self, start: int, stop: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return sigma0 as linear power, negative ones included, and the valid mask.

        Returns:
            Both (stop - start, samples). A digital number of 0 is the product's nodata value.

        Raises:
            SeaIceError: The file ends early or is damaged.
        """
        try:
            numbers = self._dataset.read(
                1, window=RasterioWindow(0, start, self._width, stop - start)
            )
        except RasterioError as error:
            raise SeaIceError(
                f"{self._label}: rows {start}-{stop - 1} cannot be read; the file is truncated or"
                f" damaged ({error.__cause__ or error}). Download the product again"
            ) from error
        valid = numbers > 0
        power = numbers.astype(np.float32)
        power *= power
        if self._subtract or self._mask_border:
            noise = self._noise.rows(start, stop)
            if self._mask_border:
                valid &= ~border(power, noise)
            if self._subtract:
                power -= noise
        factor = self._calibration.rows(start, stop)
        factor *= factor
        power /= factor
        for (top, bottom, left, right), offset in self._offsets:
            power[max(top - start, 0) : max(bottom + 1 - start, 0), left : right + 1] -= offset
        return power, valid


def border(power: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where the image shows border noise: left or right of everything that is an echo.

    Products of old processors hold small values instead of 0 outside the swaths. The thermal
    noise is part of every echo, so a mean of DN^2 well below it cannot be one.

    Args:
        power: DN^2, (rows, samples).
        noise: Thermal noise, same shape and unit; 0 where it is unknown.
    """
    height, width = power.shape
    echo, floor = (block_sums(values, _BORDER_BLOCK) for values in (power, noise))
    run = (echo < _ECHO_SHARE * floor) | (echo == 0)  # (block rows, block columns)
    left = np.logical_and.accumulate(run, axis=1)
    right = np.logical_and.accumulate(run[:, ::-1], axis=1)[:, ::-1]
    # the block in which the border ends may be part border
    for side, step in ((left, 1), (right, -1)):
        end = side & ~np.roll(side, -step, axis=1)
        side |= np.roll(end, step, axis=1)
    mask = (left | right).repeat(_BORDER_BLOCK[0], axis=0).repeat(_BORDER_BLOCK[1], axis=1)
    return mask[:height, :width]
