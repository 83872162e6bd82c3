"""The report of `importsentinel1`: the noise of HV, as annotated and corrected from the scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..inputs.sentinel1.noiseremoval import NoiseRemoval
from . import page
from .charts import Mark, Series, curves


def write(path: str, title: str, polarisation: str, removal: NoiseRemoval) -> None:
    """Write the report as one HTML file.

    Args:
        title: The product's name.
        removal: The noise, corrected from the scene.

    Raises:
        SeaIceError: The noise is not corrected, because the annotation names no subswaths.
    """
    blocks, found = removal.blocks, removal.correction
    if blocks is None or found is None:
        raise SeaIceError(
            f"{title}: its noise is not corrected, so that the noise report has nothing to show;"
            " leave it empty"
        )
    corrected = found.noise(blocks)
    km = blocks.pixel * removal.source.annotation.range_spacing_m / 1000
    edges = np.flatnonzero(np.diff(blocks.subswath))
    borders = [
        Mark(float(km[edge : edge + 2].mean()), "Border of subswaths" if not number else "")
        for number, edge in enumerate(edges)
    ]
    names = removal.names

    def profile(values: NDArray[np.float64], label: str) -> Series:
        return Series(label, km, _db(_median(values)))

    page.render(
        "noise.html",
        path,
        title=title,
        polarisation=polarisation,
        unsure=removal.unsure,
        block_km=blocks.spacing_km,
        backscatter=curves(
            [
                profile(blocks.sigma0 - blocks.nesz, "Noise as annotated"),
                profile(blocks.sigma0 - corrected, "Noise corrected"),
            ],
            x_label="Distance from the near edge [km]",
            y_label=f"sigma0 {polarisation} [dB]",
            marks=borders,
        ),
        noise=curves(
            [profile(blocks.nesz, "As annotated"), profile(corrected, "Corrected")],
            x_label="Distance from the near edge [km]",
            y_label="Noise-equivalent sigma0 [dB]",
            marks=borders,
        ),
        subswaths=list(zip(names, found.scale, 1e5 * found.offset, found.shift_px, strict=True)),
        jumps=[
            (f"{near}/{far}", *jumps)
            for near, far, *jumps in zip(names, names[1:], *found.jumps_db, strict=False)
        ],
    )


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each column of blocks; NaN where there is none."""
    known = np.isfinite(values).any(axis=0)
    result = np.full(values.shape[1], np.nan)
    result[known] = np.nanmedian(values[:, known], axis=0)
    return result


def _db(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return dB, NaN where there is no power above the noise."""
    return 10 * np.log10(np.where(power > 0, power, np.nan))
