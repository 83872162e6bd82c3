"""The image on the map: averaged over map pixels, block by block, as its strips come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...events import Reporter
from ...raster.grid import Window
from ...raster.radiometry import Floats, Mask
from ...raster.writing import BLOCK_PX
from .annotation import Annotation
from .mapping import ImageMap
from .measurement import CalibratedImage
from .noiseremoval import NoiseRemoval
from .resampling import RunningBox, block_sums, looks
from .texture import REACH_PX

_STRIP_LINES = 256

_LEAST_VALID = 0.5
"""Share of a map pixel's area that must be valid."""


@dataclass(frozen=True)
class MapBlock:
    """A block of the map.

    Attributes:
        window: Its pixels.
        valid: Where at least half of a pixel's area is, (h, w).
        sigma0: Backscatter of each image as linear power, negative where the noise that was
            subtracted is more than what there was; NaN where not valid, (images, h, w).
        nesz: Noise-equivalent sigma0 of the last image, linear, NaN where not valid, (h, w).
        incidence_deg: Incidence angle, NaN where not valid, (h, w).
    """

    window: Window
    valid: Mask
    sigma0: Floats
    nesz: Floats
    incidence_deg: Floats


def geocoded(
    images: Sequence[CalibratedImage],
    annotation: Annotation,
    image_map: ImageMap,
    resolution_m: float,
    removal: NoiseRemoval,
    report: Reporter,
) -> Iterator[MapBlock]:
    """Yield the blocks of the map that the images reach, and report how many are done.

    Each block comes once, as soon as the last image line under it has been read; image lines are
    kept for as long as a block needs them. The images are so read once, from top to bottom, which
    is what a zip allows, and memory does not grow with the scene's length.

    Args:
        removal: Of the last image's noise, which the images themselves have done; the grain that
            it leaves is equalised here.
    """
    (block_y, box_y), (block_x, box_x) = (looks(resolution_m, m) for m in annotation.spacing_m)
    block, box = (block_y, block_x), (box_y, box_x)
    full = np.float32(block_y * block_x * box_y * box_x)
    reach = float(block_y * (box_y + 1))
    if removal.equalisation:  # the corner of a block's surroundings
        reach += 1.5 * REACH_PX * resolution_m / annotation.azimuth_spacing_m
    blocks = _blocks_by_line(image_map, annotation.lines, reach)
    # the first line that this and all later blocks need
    needed = np.minimum.accumulate([first for first, _, _ in blocks][::-1])[::-1]
    height = max(_STRIP_LINES // block_y, 1) * block_y
    starts = iter(range(0, annotation.lines, height))
    span = max(
        (last - first for (_, last, _), first in zip(blocks, needed, strict=True)), default=0
    )
    rows = (int(span) + 2 * height) // block_y + 2 * box_y
    running = RunningBox(-(-annotation.samples // block_x), len(images) + 1, block, box, rows)
    ended = False
    for done, (_, last, window) in enumerate(blocks):
        running.drop(float(needed[done]))
        while not ended and running.stop_line <= last:
            start = next(starts, None)
            if start is None:
                running.finish()
                ended = True
            else:
                stop = min(start + height, annotation.lines)
                running.append(block_sums(_strip(images, start, stop), block))
                report.check_cancelled()
        yield _averaged(running, image_map, window, full, removal)
        report.progress((done + 1) / len(blocks))


def _strip(images: Sequence[CalibratedImage], start: int, stop: int) -> Floats:
    """Return the images' linear power and their common valid mask, (rows, columns, images + 1)."""
    read = [image.rows(start, stop) for image in images]
    valid = np.logical_and.reduce([mask for _, mask in read])
    planes = np.empty((*valid.shape, len(read) + 1), np.float32)
    for plane, (power, _) in enumerate(read):
        np.multiply(power, valid, out=planes[..., plane])
    planes[..., -1] = valid
    return planes


def _averaged(
    running: RunningBox,
    image_map: ImageMap,
    window: Window,
    full: np.float32,
    removal: NoiseRemoval,
) -> MapBlock:
    """Return the image averaged over the map pixels of a window."""
    wide, equalisation = window, removal.equalisation
    if equalisation:
        wide = window.grown(REACH_PX, REACH_PX).clipped(*image_map.grid.shape)
    positions = image_map.positions(wide)
    known = positions.known
    line, pixel = positions.line[known], positions.pixel[known]
    sums = running.sample(line, pixel)  # (n, images + 1)
    enough = sums[:, -1] >= _LEAST_VALID * full
    valid = np.zeros(known.shape, bool)
    valid[known] = enough
    area = sums[enough, -1]
    planes = np.full((sums.shape[1], *known.shape), np.nan, np.float32)
    *sigma0, noise = planes
    for image, values in enumerate(sigma0):  # all at once costs 6 % of an import
        values[valid] = sums[enough, image] / area
    noise[valid] = removal.nesz.at(line[enough], pixel[enough])
    if equalisation:
        sigma0[-1][...] = equalisation.applied(sigma0[-1], valid, noise)
    angle = np.where(valid, positions.incidence_deg, np.nan).astype(np.float32)
    inner = window.moved(-wide.row, -wide.col).slices
    planes[:, ~valid] = np.nan
    planes = planes[(slice(None), *inner)]
    return MapBlock(window, valid[inner], planes[:-1], planes[-1], angle[inner])


def _blocks_by_line(
    image_map: ImageMap, lines: int, reach: float
) -> list[tuple[float, float, Window]]:
    """Return first and last image line and window of the map's blocks, by their last line.

    An average reaches `reach` lines beyond its centre.
    """
    found = []
    for window in image_map.grid.window.blocks(BLOCK_PX):
        span = image_map.lines(window)
        if span is None or span[1] < -reach or span[0] > lines + reach:
            continue
        found.append((max(span[0] - reach, -reach), min(span[1] + reach, lines + reach), window))
    return sorted(found, key=lambda item: item[1])
