"""A scene of AI4Arctic, as those of layers are read: channels, chart and land, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from ...raster.acquisition import acquisition_of
from ...raster.grid import Window
from ...raster.polygon_bands import NO_POLYGON, PolygonPixels
from ...raster.radiometry import Floats, Mask, block_mean, db_to_linear, linear_to_db
from . import polygons, zones
from .file import Ai4ArcticFile
from .placement import NodeGrid, cell_nodes, incidence_nodes, place
from .standardisation import physical
from .strips import Lines, Strips

DISTANCE: Final = "distance_to_land_km"
_ANGLE: Final = "incidence_angle"
_SAR: Final = "HH", "HV"
_CHART: Final = "chart", "lowest", "highest"
_NUMBER: Final = "polygon"

_WHOLE = 0.05
"""A resolution may miss a multiple of the file's pixels by this share."""

_WINDOW_PX: Final = 512

_NOISE: Final = {"nersc": "scaled by NERSC", "esa": "ESA"}
"""How HV's noise was handled, by the first word as the import of products has it: NERSC scales the
annotated noise by subswath, as that does. HH's is ESA's in both."""

_USUAL: Final = {
    "HH": (-40.0, 5.0, "dB"),
    "HV": (-50.0, 0.0, "dB"),
    _ANGLE: (15.0, 50.0, "degrees"),
    "btemp": (50.0, 320.0, "K"),
}
"""Where the median of a scene's channel lies; else the values are not what the layout says."""


class Ai4ArcticScene:
    """HH and HV, further channels and the ice chart of a file, on the image's own grid.

    Land is invalid, and so are pixels where one of the channels has no value. `chart` gives the
    SIC on the same grid. Windows must lie within the grid.

    Args:
        file: The open file.
        channels: What is wanted besides HH and HV: ``incidence_angle``, ``distance_to_land_km``
            and names of brightness temperatures such as ``btemp_36_5h``.
        noise: Which images: ``nersc``, or ``esa``.
        resolution_m: Pixel size, about a multiple of the file's; None or 0: the file's.

    Attributes:
        label: The file's name.
        channels: Names of the channels.
        grid: The affine grid that comes closest to the image.
        acquisition: `SEAICE_` tags of the product that it was made from.
        notes: What the analyst should know.
        remark: What is so for every such file.
        chart: The chart.

    Raises:
        Ai4ArcticFileError: A variable is missing or contradicts another, or no pixel has all.
    """

    def __init__(
        self,
        file: Ai4ArcticFile,
        channels: Sequence[str],
        noise: str,
        resolution_m: float | None,
    ) -> None:
        self._file, self.label = file, file.name
        self.channels: tuple[str, ...] = (*_SAR, *channels)
        prefix = "nersc_" if noise == "nersc" else ""
        self._images = {
            "HH": file.image(f"{prefix}sar_primary"),
            "HV": file.image(f"{prefix}sar_secondary"),
        }
        if _ANGLE in channels and not self._is_coarse(_ANGLE):
            self._images[_ANGLE] = file.image(file.angle_name)
        self._land_zones = file.image("distance_map") if file.has("distance_map") else None
        self.acquisition = acquisition_of(
            {**file.tags(), "SEAICE_NOISE": _NOISE["esa"]},
            {**file.tags(), "SEAICE_NOISE": _NOISE[noise]},
        )
        self._factor = self._whole_factor(resolution_m)
        placement = place(file)
        self.grid = placement.grid.coarsened(self._factor, self._factor)
        self.remark = (
            f"{file.name}: trained on in the image's own geometry; the grid that stands for it on"
            f" the map is off by {placement.rms_m / 1000:.1f} km (RMS),"
            f" {placement.most_m / 1000:.1f} km at most"
        )
        if file.layout == "ready":
            self.remark += (
                ". Its backscatter was averaged in dB by its makers, which gives some 0.2 dB less"
                " than averages of power, and more where HV is near the noise"
            )
        self.notes: list[str] = []
        self._zones = self._distance_zones()
        self._nodes = {name: self._node_grid(name) for name in channels if self._is_coarse(name)}
        self._chart_numbers = file.chart_variable()
        self.chart = Ai4ArcticChart(self, file)
        self._strips = Strips(file.shape, self._factor, self._reduced)
        self._check()

    @classmethod
    @contextmanager
    def open(
        cls, path: str, channels: Sequence[str], noise: str, resolution_m: float | None
    ) -> Iterator[Ai4ArcticScene]:
        """Open a file and check that it holds what is asked for."""
        with Ai4ArcticFile.open(path) as file:
            yield cls(file, channels, noise, resolution_m)

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return the channels (C, h, w), NaN where invalid, and where all are valid (h, w)."""
        values = np.stack([self._channel(name, window) for name in self.channels])
        return values, np.asarray(np.isfinite(values).all(axis=0))

    def read_chart(self, window: Window) -> tuple[Floats, Mask]:
        """Return the chart's SIC in percent (h, w), NaN where there is none, and where it is."""
        sic: Floats = self._strips.read(_CHART[0], window)
        return sic, np.isfinite(sic)

    def read_polygons(self, window: Window) -> PolygonPixels:
        """Return which polygon of the chart each pixel lies in (h, w)."""
        return PolygonPixels(*(self._strips.read(name, window) for name in (_NUMBER, *_CHART[1:])))

    def _whole_factor(self, resolution_m: float | None) -> int:
        own_m = self._file.nominal_pixel_m
        exact = (resolution_m or own_m) / own_m
        factor = max(1, round(exact))
        if exact > 1 and abs(exact / factor - 1) > _WHOLE:
            near = sorted({max(1, int(exact)), int(exact) + 1})
            raise self._file.error(
                f"Resolution {resolution_m:g} m is no multiple of its pixels of {own_m:g} m; give"
                f" {' or '.join(f'{each * own_m:g}' for each in near)} m"
            )
        return factor

    def _distance_zones(self) -> zones.Zones | None:
        if DISTANCE in self.channels:
            return zones.read(self._file)
        if self._land_zones is None:
            self.notes.append(
                f"{self.label}: has no distance_map; land is left out only where the chart ends"
            )
        return None

    def _is_coarse(self, name: str) -> bool:
        """Say whether a channel comes on a coarser grid than the image."""
        return name.startswith("btemp_") or (name == _ANGLE and self._file.layout == "raw")

    def _node_grid(self, name: str) -> NodeGrid:
        if name == _ANGLE:
            nodes = incidence_nodes(self._file)
        else:
            values = self._file.values(name)
            if values.ndim != 2 or min(values.shape) < 2:
                raise self._file.error(f"{name} has the shape {values.shape}, a grid expected")
            if self._file.layout == "ready":
                values = physical(name, values)
            nodes = cell_nodes(values, self._file.shape)
        known = nodes.values[np.isfinite(nodes.values)]
        if known.size == 0:
            raise self._file.error(f"{name} has no value; leave out the channel, or the scene")
        self._check_usual(name, known)
        missing = 1 - known.size / nodes.values.size
        if missing:
            self.notes.append(
                f"{self.label}: {100 * missing:.2g} % of {name} has no value; its pixels are left"
                " out"
            )
        return nodes

    def _check_usual(self, name: str, known: Floats) -> None:
        low, high, unit = _USUAL["btemp" if name.startswith("btemp") else name]
        median = float(np.median(known))
        if not low <= median <= high:
            how = "" if self._file.layout == "raw" else " after its standardisation was undone"
            raise self._file.error(
                f"{name} has a median of {median:.4g} {unit}{how}, {low:g} to {high:g} expected;"
                " the file is not as it was published"
            )

    def _channel(self, name: str, window: Window) -> Floats:
        if name not in self._nodes:
            found: Floats = self._strips.read(name, window)
            return found
        rows, cols = (
            (np.arange(start, stop) + 0.5) * self._factor
            for start, stop in (
                (window.row, window.stop_row),
                (window.col, window.stop_col),
            )
        )
        return self._nodes[name].at(rows, cols)

    def _reduced(self, lines: slice) -> Lines:
        """Return what is stored for each pixel of the file, of some lines, in larger pixels."""
        land, distance = self._land(lines)
        found = {
            name: self._averaged(name, image, lines, land) for name, image in self._images.items()
        }
        if DISTANCE in self.channels:
            found[DISTANCE] = self._middles(distance)
        variable = self._chart_numbers
        chart = self._file.decoded(variable, self._file.read(variable, lines))
        stored = self._middles(chart)
        found.update(zip(_CHART, self.chart.table.sic_percent(stored), strict=True))
        found[_NUMBER] = np.where(stored >= 1, stored, NO_POLYGON).astype(np.int32)  # NaN is none
        return found

    def _land(self, lines: slice) -> tuple[Mask, Floats]:
        """Return where land is, and the distance to it in km where it is asked for (h, w)."""
        variable = self._land_zones
        if variable is None:
            shape = lines.stop - lines.start, self._file.shape[1]
            return np.zeros(shape, bool), np.empty((0, 0), np.float32)
        found = self._file.decoded(variable, self._file.read(variable, lines))
        if self._file.layout == "ready":
            found = physical("distance_map", found)
        land = found < 0.5  # zone 0; a mean of two by two pixels where it is standardised
        return land, found if self._zones is None else self._zones.distance_km(found)

    def _averaged(self, name: str, image: Any, lines: slice, land: Mask) -> Floats:
        """Return means of an image, of power where it is in dB; NaN where half of them are none."""
        stored = self._file.read(image, lines)
        values = self._file.decoded(image, stored)
        if self._file.layout == "ready":
            # NaN was replaced by a number that hardly occurs
            values[stored == float(getattr(image, "variable_fill_value", 0))] = np.nan
            values = physical(image.name, values)
        valid = np.isfinite(values) & ~land
        if self._factor == 1:
            return np.where(valid, values, np.float32(np.nan))
        values = np.where(valid, values, np.float32(0))
        if name in _SAR:
            values = db_to_linear(values)
        values, valid = (self._padded(each) for each in (values, valid))
        means, enough = block_mean(values, valid, self._factor, self._factor)
        means = np.where(enough, means, np.float32(np.nan))
        return linear_to_db(means) if name in _SAR else means

    def _padded(self, array: Any) -> Any:
        """Return an array (h, w) that whole pixels divide, zeros beyond the image."""
        more = [(0, -length % self._factor) for length in array.shape]
        return np.pad(array, more) if any(after for _, after in more) else array

    def _middles(self, values: Floats) -> Floats:
        """Return the values at the pixels' middles; the last ones where these lie beyond."""
        half = self._factor // 2
        rows, cols = (
            np.minimum(np.arange(half, length + half, self._factor), length - 1)
            for length in values.shape
        )
        return values[np.ix_(rows, cols)]

    def _check(self) -> None:
        """Check that some pixel has channels and chart, and that values are what they should be.

        Raises:
            Ai4ArcticFileError: There is none, or they are not.
        """
        counts = dict.fromkeys((*self.channels, "an ice chart"), 0)
        windows = list(self.grid.window.blocks(_WINDOW_PX))
        middle = len(windows) // 2
        for window in windows[middle:] + windows[:middle]:
            values, valid = self.read(window)
            charted = self.read_chart(window)[1]
            for name, channel in zip(self.channels, values, strict=True):
                known = channel[np.isfinite(channel)]
                counts[name] += known.size
                if name in (*_SAR, _ANGLE) and known.size:
                    self._check_usual(name, known)
            counts["an ice chart"] += int(np.count_nonzero(charted))
            if (valid & charted).any():
                return
        total = self.grid.height * self.grid.width
        shares = ", ".join(f"{name} {100 * count / total:.3g} %" for name, count in counts.items())
        raise self._file.error(
            "no pixel off land has all of HH, HV, the channels and the chart"
            f" (pixels that have {shares}); leave out the scene, or the channel that is missing"
        )


class Ai4ArcticChart:
    """The ice chart of a scene as its reference, on the scene's grid.

    Attributes:
        label: What messages call it.
        date: Its time, ISO 8601; that of the image where the file gives none.
        notes: What was done to which polygons.
        table: SIC of what the file stores.
        has_uncertainty: Charts give none.
        polygons: ``numbered``, or ``connected`` where the file holds classes only: each connected
            region of one is a polygon.
        chart: Charts of the data set are drawn on one image each: none is named.
    """

    has_uncertainty = False
    chart = ""

    def __init__(self, scene: Ai4ArcticScene, file: Ai4ArcticFile) -> None:
        self._scene = scene
        self.label = f"the ice chart of {file.name}"
        # charts of the data set are drawn on the image itself
        self.date = file.chart_time or file.tags().get("SEAICE_START", "")
        is_raw = file.layout == "raw"
        self.table = polygons.read(file) if is_raw else polygons.classes()
        self.polygons = "numbered" if is_raw else "connected"
        texts = (*self.table.warnings, *self.table.notes)
        self._notes = [f"{file.name}: {text}" for text in texts]

    @property
    def notes(self) -> list[str]:
        """What was done to which polygons; more of it when more was read."""
        found = sorted(self.table.unlisted)
        if not found:
            return self._notes
        listing = ", ".join(map(str, found[:10])) + (", …" if len(found) > 10 else "")
        text = f"{self._scene.label}: its chart holds numbers without a meaning: {listing}; they"
        return [*self._notes, f"{text} have no SIC"]

    def on(self, grid: object) -> Ai4ArcticChart:
        """Return the chart itself: its grid is the scene's."""
        return self

    def read(self, window: Window) -> tuple[Floats, Mask]:
        """Return SIC in percent (h, w), NaN where there is none, and where there is one (h, w)."""
        return self._scene.read_chart(window)

    def read_uncertainty(self, window: Window) -> Floats:
        """Return that nothing is known of it (h, w)."""
        return np.full((window.height, window.width), np.nan, np.float32)

    def read_polygons(self, window: Window) -> PolygonPixels:
        """Return which polygon each pixel lies in (h, w)."""
        return self._scene.read_polygons(window)
