"""The product annotation: image size, spacing and times, geolocation grid, slant range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import SeaIceError
from .xml import Node

SPEED_OF_LIGHT_M_S = 299792458.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GeolocationGrid:
    """The annotation's geolocation grid; all arrays but the first two are (rows, columns).

    Attributes:
        line: Image lines of the rows, (rows,), ascending; the first line's centre is 0.
        pixel: Image pixels of the columns, (columns,), ascending.
        height_m: Terrain height of the node above the ellipsoid.
        incidence_deg: Incidence angle at the node.
        slant_range_m: Distance from the antenna.
    """

    line: Floats
    pixel: Floats
    latitude: Floats
    longitude: Floats
    height_m: Floats
    incidence_deg: Floats
    slant_range_m: Floats


@dataclass(frozen=True)
class RangeConversion:
    """Polynomials from ground range to slant range, one per record.

    Attributes:
        line: Image lines of the records, (records,), ascending; may lie outside the image.
        origin_m: Ground range at which each polynomial's argument is 0, (records,).
        coefficients: Lowest order first, (records, orders).
    """

    line: Floats
    origin_m: Floats
    coefficients: Floats


@dataclass(frozen=True)
class Subswath:
    """Where the image shows one of the beams that the swath is made of.

    Attributes:
        name: Such as ``EW1``.
        parts: First and last line, first and last pixel of each rectangle.
    """

    name: str
    parts: tuple[tuple[int, int, int, int], ...]

    @property
    def columns(self) -> tuple[int, int]:
        """First and last pixel of the longest part."""
        longest = max(self.parts, key=lambda part: part[1] - part[0])
        return longest[2:]

    def holds(self, line: int, first: int, stop: int) -> bool:
        """Say whether all pixels from first up to stop of a line are of the subswath."""
        return any(
            top <= line <= bottom and left <= first and stop <= right + 1
            for top, bottom, left, right in self.parts
        )


@dataclass(frozen=True)
class Annotation:
    """What the annotation of one polarisation states of its image.

    Attributes:
        lines: Height of the image.
        samples: Width of the image.
        azimuth_spacing_m: Distance of lines.
        range_spacing_m: Distance of pixels on the ground.
        conversion: Ground to slant range; None where the annotation has no records.
        subswaths: From near to far range; empty where the annotation does not name them.
    """

    lines: int
    samples: int
    azimuth_spacing_m: float
    range_spacing_m: float
    grid: GeolocationGrid
    conversion: RangeConversion | None
    subswaths: tuple[Subswath, ...]

    @property
    def spacing_m(self) -> tuple[float, float]:
        """Distance of lines and of pixels on the ground."""
        return self.azimuth_spacing_m, self.range_spacing_m


def read_annotation(root: Node) -> Annotation:
    """Return what a product annotation states.

    Raises:
        SeaIceError: An element is missing or malformed, or the product is no detected GRD image.
    """
    header = root.one("adsHeader")
    if header.text("productType") != "GRD":
        raise SeaIceError(f"{root.where}: product type {header.text('productType')}; expected GRD")
    image = root.one("imageAnnotation/imageInformation")
    lines, samples = int(image.number("numberOfLines")), int(image.number("numberOfSamples"))
    spacing = image.number("azimuthPixelSpacing"), image.number("rangePixelSpacing")
    if min(lines, samples, *spacing) <= 0:
        raise SeaIceError(
            f"{root.where}: an image of {lines} x {samples} px of {spacing[0]} x {spacing[1]} m;"
            " expected positive numbers"
        )
    return Annotation(
        lines,
        samples,
        *spacing,
        grid=_read_grid(root),
        conversion=_read_conversion(root, image),
        subswaths=_read_subswaths(root, lines, samples),
    )


def _read_subswaths(root: Node, lines: int, samples: int) -> tuple[Subswath, ...]:
    names = "firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample"
    found = []
    for merge in root.all("swathMerging/swathMergeList/swathMerge"):
        parts = []
        for bounds in merge.all("swathBoundsList/swathBounds"):
            top, bottom, left, right = (int(bounds.number(name)) for name in names)
            bottom, right = min(bottom, lines - 1), min(right, samples - 1)
            if 0 <= top <= bottom and 0 <= left <= right:
                parts.append((top, bottom, left, right))
        if parts:
            found.append(Subswath(merge.text("swath"), tuple(parts)))
    return tuple(sorted(found, key=lambda subswath: subswath.columns))


def _read_grid(root: Node) -> GeolocationGrid:
    points = root.all("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    names = ("line", "pixel", "latitude", "longitude", "height", "incidenceAngle", "slantRangeTime")
    table = np.array([[point.number(name) for name in names] for point in points])
    if len(table) < 4:
        raise SeaIceError(
            f"{root.where}: the geolocation grid has {len(table)} points; the image cannot be"
            " placed on a map"
        )
    line, pixel = np.unique(table[:, 0]), np.unique(table[:, 1])
    order = np.lexsort((table[:, 1], table[:, 0]))
    table = table[order]
    regular = len(table) == line.size * pixel.size and (
        table[:, :2] == np.stack(np.meshgrid(line, pixel, indexing="ij"), -1).reshape(-1, 2)
    )
    if min(line.size, pixel.size) < 2 or not np.all(regular):
        raise SeaIceError(
            f"{root.where}: {len(table)} geolocation grid points do not form a grid of lines and"
            " pixels; download the product again"
        )
    latitude, longitude, height, incidence, time = (
        table[:, 2:].reshape(line.size, pixel.size, 5).transpose(2, 0, 1)
    )
    if np.any(np.abs(latitude) > 90) or np.any((incidence <= 5) | (incidence >= 70)):
        raise SeaIceError(
            f"{root.where}: the geolocation grid holds latitudes {latitude.min():g} to"
            f" {latitude.max():g} and incidence angles {incidence.min():g} to {incidence.max():g};"
            " expected -90 to 90 and 5 to 70 degrees"
        )
    return GeolocationGrid(
        line, pixel, latitude, longitude, height, incidence, time * SPEED_OF_LIGHT_M_S / 2
    )


def _read_conversion(root: Node, image: Node) -> RangeConversion | None:
    records = root.all("coordinateConversion/coordinateConversionList/coordinateConversion")
    if not records:
        return None
    first = image.time("productFirstLineUtcTime")
    interval_s = image.number("azimuthTimeInterval")
    if interval_s <= 0:
        raise SeaIceError(f"{root.where}: azimuthTimeInterval {interval_s} s; expected more than 0")
    coefficients = [record.numbers("grsrCoefficients") for record in records]
    orders = max(values.size for values in coefficients)
    times = np.array([record.time("azimuthTime") for record in records])
    line = (times - first) / np.timedelta64(1, "ns") * 1e-9 / interval_s
    order = np.argsort(line, kind="stable")
    return RangeConversion(
        line[order],
        np.array([record.number("gr0") for record in records])[order],
        np.stack([np.pad(values, (0, orders - values.size)) for values in coefficients])[order],
    )
