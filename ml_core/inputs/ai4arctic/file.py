"""A file of the AI4Arctic Sea Ice Challenge Dataset: its layout, its variables and its names.

Raw files hold the images at 40 m in dB, the numbers of the chart's polygons and a table of their
SIGRID-3 codes. Ready-to-train files hold them at 80 m, standardised, and classes of SIC instead of
polygons; those of the challenge's test have their classes in a second file, ``…_reference.nc``.
After Buus-Hinkler et al. 2022, doi 10.11583/DTU.c.6244065, and its manual.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import netCDF4
import numpy as np
from numpy.typing import NDArray

from ...errors import SeaIceError
from ...raster.radiometry import Floats

_REFERENCE: Final = "_reference.nc"

_PRODUCT = re.compile(r"(S1[A-D])_(\w\w)_GRD[FHM]_1S(?:DH|DV)_(\d{8}T\d{6})_(\d{8}T\d{6})_\w+")
_START = re.compile(r"(\d{8}T\d{6})")
_CHART_TIME = re.compile(r"icechart_\w*?(\d{8})T?(\d{4})Z?")

_MOST_CACHED = 2**27
"""Bytes of chunks that are kept of a variable: a row of them, where they are no larger."""

_ANGLE: Final = {"raw": "sar_grid_incidenceangle", "ready": "sar_incidenceangle"}


class Ai4ArcticFileError(SeaIceError):
    """A file that cannot be used; others of its folder may."""


class Ai4ArcticFile:
    """An open file; use `open`.

    Args:
        dataset: The NetCDF dataset.
        chart: The dataset that holds the chart; the same but for the challenge's test scenes.

    Attributes:
        name: What messages call it.
        layout: ``raw`` or ``ready`` (ready-to-train).
        shape: Lines and samples of the image.
        nominal_pixel_m: Pixel spacing of the layout.
    """

    def __init__(self, dataset: Any, chart: Any, name: str) -> None:
        self._dataset, self._chart, self.name = dataset, chart, name
        self.layout = self._recognised()
        self.nominal_pixel_m = 40.0 if self.layout == "raw" else 80.0
        image = self.variable("nersc_sar_primary", "sar_primary")
        if image.ndim != 2 or min(image.shape) < 2:
            raise self.error(
                f"{image.name} has the shape {image.shape}, lines and samples expected"
            )
        self.shape: tuple[int, int] = image.shape

    @classmethod
    @contextmanager
    def open(cls, path: str) -> Iterator[Ai4ArcticFile]:
        """Open a file, and the one of its chart where that is apart.

        Raises:
            Ai4ArcticFileError: It cannot be opened, or is no such file.
        """
        name = Path(path).name
        with ExitStack() as stack:
            dataset = stack.enter_context(_opened(path))
            chart = dataset
            if not {"SIC", "polygon_icechart"} & set(dataset.variables):
                beside = reference_beside(Path(path))
                if beside is not None:
                    chart = stack.enter_context(_opened(str(beside)))
            yield cls(dataset, chart, name)

    @property
    def angle_name(self) -> str:
        """Name of the incidence angle's variable."""
        return _ANGLE[self.layout]

    @property
    def product(self) -> str:
        """Name of the Sentinel-1 product, empty where the file does not give it."""
        found = _PRODUCT.match(self.attribute("original_id") or self.name)
        return found[0].split("_icechart")[0] if found else ""

    @property
    def chart_time(self) -> str:
        """Time of the chart, ISO 8601; empty where neither the file's name nor its id has it."""
        found = _CHART_TIME.search(self.name) or _CHART_TIME.search(self.attribute("original_id"))
        return f"{_iso(found[1])}T{found[2][:2]}:{found[2][2:]}:00Z" if found else ""

    def tags(self) -> dict[str, str]:
        """Return what is known of the acquisition, as `SEAICE_` tags of imported scenes."""
        layout = "raw" if self.layout == "raw" else "ready-to-train"
        tags = {"SEAICE_SOURCE": f"AI4Arctic, {layout}", "SEAICE_PRODUCT": self.product}
        if found := _PRODUCT.match(self.product):
            platform, mode, *times = found.groups()
            tags |= {"SEAICE_PLATFORM": platform, "SEAICE_MODE": mode}
            tags |= dict(zip(("SEAICE_START", "SEAICE_STOP"), map(_time, times), strict=True))
        elif found := _START.match(self.name):
            tags["SEAICE_START"] = _time(found[1])
        return {key: text for key, text in tags.items() if text}

    def attribute(self, name: str) -> str:
        """Return an attribute of the file as text, empty where it has none of the name."""
        return str(getattr(self._dataset, name, ""))

    def has(self, name: str) -> bool:
        """Say whether there is a variable."""
        return name in self._dataset.variables

    def variable(self, *names: str) -> Any:
        """Return the first of some variables that is there.

        Raises:
            SeaIceError: None is.
        """
        for name in names:
            if self.has(name):
                return self._dataset.variables[name]
        raise self.error(f"has no variable {names[0]}; its variables are {self._listing()}")

    def chart_variable(self) -> Any:
        """Return the numbers of polygons (raw) or the classes of SIC (ready-to-train).

        Raises:
            SeaIceError: There are none, or they do not cover the image.
        """
        name = "polygon_icechart" if self.layout == "raw" else "SIC"
        if name not in self._chart.variables:
            where = (
                "" if self.layout == "raw" else f", and there is no file …{_REFERENCE} beside it"
            )
            raise self.error(f"has no ice chart: no variable {name}{where}")
        return self._image(self._chart.variables[name])

    def image(self, *names: str) -> Any:
        """Return a variable of the image's size, ready to be read line by line.

        Raises:
            SeaIceError: It is not there, or has another size.
        """
        return self._image(self.variable(*names))

    def values(self, name: str) -> Floats:
        """Return a small variable as a whole, NaN where it has no data.

        Raises:
            SeaIceError: It is not there or cannot be read.
        """
        variable = self.variable(name)
        return self.decoded(variable, self.read(variable, slice(None)))

    def read(self, variable: Any, where: Any) -> NDArray[Any]:
        """Return values of a variable as the file stores them.

        Raises:
            SeaIceError: They cannot be read.
        """
        try:
            return np.asarray(variable[where])
        except (OSError, RuntimeError, IndexError) as error:
            raise self.error(
                f"{variable.name} cannot be read ({error}); the file is cut short or damaged,"
                " download it again"
            ) from error

    @staticmethod
    def decoded(variable: Any, stored: NDArray[Any]) -> Floats:
        """Return stored values as float32, scaled, NaN where they are a fill value."""
        values: Floats = stored.astype(np.float32)
        for key in ("_FillValue", "missing_value"):
            if key in variable.ncattrs():
                values[stored == variable.getncattr(key)] = np.nan
        for key, apply in (("scale_factor", np.multiply), ("add_offset", np.add)):
            if key in variable.ncattrs():
                values = apply(values, np.float32(variable.getncattr(key)))
        return values

    def error(self, text: str) -> Ai4ArcticFileError:
        """Return an error that names the file."""
        return Ai4ArcticFileError(f"{self.name}: {text}")

    def _image(self, variable: Any) -> Any:
        if variable.shape != self.shape:
            raise self.error(
                f"{variable.name} has {' x '.join(map(str, variable.shape))} px, the image"
                f" {self.shape[0]} x {self.shape[1]}"
            )
        chunk = variable.chunking()
        if chunk != "contiguous":
            across = -(-self.shape[1] // chunk[1])
            size = across * chunk[0] * chunk[1] * variable.dtype.itemsize
            if size <= _MOST_CACHED:  # else each of these chunks is decompressed for every strip
                variable.set_var_chunk_cache(size)
        return variable

    def _recognised(self) -> Literal["raw", "ready"]:
        names = set(self._dataset.variables)
        # the older ASIP data set has sar_primary, too, but no such grids
        if "sar_grid_line" in names:
            return "raw"
        if "sar_grid2d_latitude" in names:
            return "ready"
        raise self.error(
            "is no file of the AI4Arctic challenge: neither sar_grid_line (raw) nor"
            f" sar_grid2d_latitude (ready-to-train) is in it; its variables are {self._listing()}"
        )

    def _listing(self) -> str:
        names = list(self._dataset.variables)
        return ", ".join([*names[:40], *(["…"] if len(names) > 40 else [])]) or "none"


def scene_paths(path: str) -> list[Path]:
    """Return the scenes of a folder, without files of charts alone; a file is its own.

    Raises:
        SeaIceError: The folder has none.
    """
    given = Path(path)
    if not given.is_dir():
        return [given]
    found = sorted(each for each in given.glob("*.nc") if not each.name.endswith(_REFERENCE))
    if not found:
        raise SeaIceError(
            f"{path}: no file .nc is in the folder; give a NetCDF file of AI4Arctic, or the folder"
            " that they were unpacked to"
        )
    return found


def reference_beside(path: Path) -> Path | None:
    """Return the file with the chart of a scene of the challenge's test; None: there is none."""
    stem = path.with_suffix("").name
    for name in (stem, stem.removesuffix("_prep")):
        beside = path.with_name(f"{name}{_REFERENCE}")
        if beside.is_file():
            return beside
    return None


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    try:
        dataset = netCDF4.Dataset(path)
    except OSError as error:
        raise Ai4ArcticFileError(
            f"{Path(path).name}: cannot be opened as NetCDF ({error.strerror or error}); the file"
            " may be cut short: download it again"
        ) from error
    with dataset:
        dataset.set_auto_maskandscale(False)
        yield dataset


def _iso(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:8]}"


def _time(text: str) -> str:
    return f"{_iso(text)}T{text[9:11]}:{text[11:13]}:{text[13:15]}"
