"""Where image positions lie on the ellipsoid at sea level, and where on the image places lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from pyproj import Transformer

from ...errors import SeaIceError
from .annotation import Annotation, Floats, GeolocationGrid
from .slantrange import SlantRange

_LINE_ORDER = 4
_RANGE_ORDER = 5
_GAUSS_NEWTON_STEPS = 6
_FAR = 1.5
"""How far beyond the image places are sought, as a share of half its size."""

_OFF_M = 200.0
"""A place whose position on the image cannot be found to this distance is not on it."""

_LARGEST_RESIDUAL_M = 500.0

_GEODETIC, _GEOCENTRIC = "EPSG:4979", "EPSG:4978"


@dataclass(frozen=True)
class SeaLevelNodes:
    """The geolocation grid's nodes, moved to where the same pixel sees the sea.

    Attributes:
        position_m: Earth-centred coordinates at height 0, (rows, columns, 3).
        incidence_deg: Incidence angle there, (rows, columns).
        range_angle: Angle at the Earth's centre between antenna and node in radians, of a sphere
            that is common to all nodes, (rows, columns); a smooth measure of ground range.
        displacement_m: How far each node was moved, (rows, columns).
        antenna_m: Distance of the antenna from the Earth's centre, mean.
        earth_m: Distance of the nodes from the Earth's centre, mean.
    """

    position_m: Floats
    incidence_deg: Floats
    range_angle: Floats
    displacement_m: Floats
    antenna_m: float
    earth_m: float


def reduce_to_sea_level(grid: GeolocationGrid) -> SeaLevelNodes:
    """Return the nodes at sea level.

    Terrain at height h is imaged as near as sea that lies h / tan(incidence) closer to the
    antenna, so the sea that a node's pixel would show lies that far towards the antenna. On the
    plane of the line of sight, with slant range and antenna kept; the Earth's curvature over the
    shift is below 2 m for 1000 m of terrain.
    """
    normal = _normals(grid.latitude, grid.longitude)
    position = _ecef(grid.latitude, grid.longitude, grid.height_m)
    away = np.gradient(position, axis=1)  # along the image's lines: away from the antenna
    away -= np.sum(away * normal, axis=-1, keepdims=True) * normal
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    if np.mean(grid.slant_range_m[:, -1] - grid.slant_range_m[:, 0]) < 0:
        away = -away
    incidence = np.radians(grid.incidence_deg)
    shift = grid.height_m / np.tan(incidence)
    latitude, longitude = _geodetic(position - shift[..., None] * away)
    sea = _ecef(latitude, longitude, np.zeros_like(latitude))

    slant = grid.slant_range_m
    radius = np.linalg.norm(position, axis=-1)
    antenna = np.sqrt(radius**2 + slant**2 + 2 * radius * slant * np.cos(incidence))
    earth = np.linalg.norm(sea, axis=-1)
    cosine = (antenna**2 - earth**2 - slant**2) / (2 * earth * slant)
    mean_antenna, mean_earth = float(antenna.mean()), float(earth.mean())
    return SeaLevelNodes(
        sea,
        np.degrees(np.arccos(np.clip(cosine, -1, 1))),
        _range_angle(slant, mean_antenna, mean_earth),
        np.linalg.norm(sea - position, axis=-1),
        mean_antenna,
        mean_earth,
    )


class Geolocation:
    """The image's position on the ellipsoid, at sea level.

    Position and incidence angle are smooth functions of time and slant range, whatever the
    terrain: Chebyshev polynomials over line and range angle, fitted to the nodes at sea level in
    Earth-centred coordinates, where neither the pole nor the 180th meridian is special. The slant
    range of a pixel comes from `SlantRange`.

    Args:
        grid: The nodes to use; those of the annotation when None.

    Attributes:
        nodes: The nodes at sea level.
        residual_m: Largest distance between a node at sea level and the fit.
    """

    def __init__(self, annotation: Annotation, grid: GeolocationGrid | None = None) -> None:
        grid = annotation.grid if grid is None else grid
        self.annotation = annotation
        self.nodes = nodes = reduce_to_sea_level(grid)
        self.slant_range = SlantRange(annotation, grid)
        self._line_scale = _scale(grid.line)
        self._angle_scale = _scale(nodes.range_angle)
        orders = min(_LINE_ORDER, grid.line.size - 1), min(_RANGE_ORDER, grid.pixel.size - 1)
        u = np.broadcast_to(_unit(grid.line, self._line_scale)[:, None], nodes.range_angle.shape)
        basis = chebyshev.chebvander2d(u, _unit(nodes.range_angle, self._angle_scale), orders)
        basis = basis.reshape(-1, basis.shape[-1])
        # coordinates relative to the mean: the fit then keeps millimetres
        self._centre = nodes.position_m.reshape(-1, 3).mean(axis=0)
        values = np.concatenate(
            [nodes.position_m - self._centre, nodes.incidence_deg[..., None]], axis=-1
        ).reshape(-1, 4)
        coefficients = np.linalg.lstsq(basis, values, rcond=None)[0]
        off = np.linalg.norm((basis @ coefficients - values)[:, :3], axis=-1)
        self.residual_m = float(off.max())
        # (line orders, range orders, x y z incidence)
        self._coefficients = coefficients.reshape(*(n + 1 for n in orders), 4)

    def check(self) -> None:
        """Check that the nodes form a surface.

        Raises:
            SeaIceError: One lies too far off to be true.
        """
        if self.residual_m > _LARGEST_RESIDUAL_M:
            raise SeaIceError(
                f"the geolocation grid is not smooth: a point lies {self.residual_m:.0f} m off"
                f" the surface through the others, more than {_LARGEST_RESIDUAL_M:.0f} m; download"
                " the product again"
            )

    @property
    def summary(self) -> str:
        """A line on the nodes for the log."""
        height_m, moved_m = self.annotation.grid.height_m, self.nodes.displacement_m
        return (
            f"Geolocation: {moved_m.size} grid points, {int((height_m > 1).sum())} of them on land"
            f" up to {height_m.max():.0f} m high, reduced to sea level (moved up to"
            f" {moved_m.max():.0f} m); they fit to {self.residual_m:.1f} m"
        )

    def geographic(self, line: Floats, pixel: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude in degrees of image positions of any shape."""
        slant_m = self.slant_range.at(line, pixel)
        angle = _range_angle(slant_m, self.nodes.antenna_m, self.nodes.earth_m)
        u, v = _unit(line, self._line_scale), _unit(angle, self._angle_scale)
        return _geodetic(_evaluated(u, v, self._coefficients)[..., :3] + self._centre)

    def locate(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats, Floats]:
        """Return line, pixel and incidence angle in degrees of places of any shape.

        Places that are not on the image nor near it are NaN.
        """
        place = _ecef(latitude, longitude, np.zeros_like(latitude)) - self._centre
        position = self._coefficients[..., :3]
        slopes = [chebyshev.chebder(position, axis=axis) for axis in (0, 1)]
        u = np.zeros(latitude.shape)
        v = np.zeros(latitude.shape)
        for _ in range(_GAUSS_NEWTON_STEPS):
            value, du, dv = (_evaluated(u, v, part) for part in (position, *slopes))
            rest = place - value
            a, b, c = (np.sum(x * y, axis=-1) for x, y in ((du, du), (du, dv), (dv, dv)))
            f, g = np.sum(du * rest, axis=-1), np.sum(dv * rest, axis=-1)
            determinant = a * c - b * b
            u = np.clip(u + (c * f - b * g) / determinant, -1 - _FAR, 1 + _FAR)
            v = np.clip(v + (a * g - b * f) / determinant, -1 - _FAR, 1 + _FAR)
        found = _evaluated(u, v, self._coefficients)
        off = np.linalg.norm(place - found[..., :3], axis=-1) > _OFF_M
        line = u * self._line_scale[1] + self._line_scale[0]
        angle = v * self._angle_scale[1] + self._angle_scale[0]
        slant = _slant_range(angle, self.nodes.antenna_m, self.nodes.earth_m)
        pixel = self.slant_range.pixel(line, slant)
        line, pixel, incidence = (np.where(off, np.nan, x) for x in (line, pixel, found[..., 3]))
        return line, pixel, incidence


def _evaluated(u: Floats, v: Floats, coefficients: Floats) -> Floats:
    """Return Chebyshev polynomials (orders, orders, n) at u and v, (..., n)."""
    return np.asarray(np.moveaxis(chebyshev.chebval2d(u, v, coefficients), 0, -1), np.float64)


def _range_angle(slant_range_m: Floats, antenna_m: float, earth_m: float) -> Floats:
    cosine = (antenna_m**2 + earth_m**2 - slant_range_m**2) / (2 * antenna_m * earth_m)
    return np.arccos(np.clip(cosine, -1, 1))


def _slant_range(range_angle: Floats, antenna_m: float, earth_m: float) -> Floats:
    return np.sqrt(antenna_m**2 + earth_m**2 - 2 * antenna_m * earth_m * np.cos(range_angle))


def _scale(values: Floats) -> tuple[float, float]:
    """Return centre and half width of the values."""
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, (high - low) / 2


def _unit(values: Floats, scale: tuple[float, float]) -> Floats:
    return (values - scale[0]) / scale[1]


def _normals(latitude: Floats, longitude: Floats) -> Floats:
    """Return the ellipsoid's unit normals, (..., 3)."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], -1)


def _ecef(latitude: Floats, longitude: Floats, height_m: Floats) -> Floats:
    transformer = Transformer.from_crs(_GEODETIC, _GEOCENTRIC, always_xy=True)
    return np.stack(transformer.transform(longitude, latitude, height_m), -1)


def _geodetic(position_m: Floats) -> tuple[Floats, Floats]:
    transformer = Transformer.from_crs(_GEOCENTRIC, _GEODETIC, always_xy=True)
    x, y, z = np.moveaxis(position_m, -1, 0)
    longitude, latitude, _ = transformer.transform(x, y, z)
    return latitude, longitude
