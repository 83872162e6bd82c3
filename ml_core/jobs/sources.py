"""Descriptions of input layers, as handed from QGIS to the worker."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Dict, Mapping, Tuple

from ..errors import JobError

FROM_FILE = "file"
"""`RasterSource.crs` value: take the CRS that the file declares."""


@dataclass(frozen=True)
class RasterSource:
    """One band of a raster that GDAL opens, with what only QGIS knows of it.

    Attributes:
        path: File name or GDAL path (``/vsizip/...``, ``NETCDF:file:variable``).
        band: Band, counted from 1; 0 stands for every band, where several layers are taken.
        name: The layer's name, for messages; the file's name when empty.
        crs: ``"file"``: what the file declares; empty: the layer has none; else an authority code
            or WKT.
        use_file_nodata: Whether the nodata value that the file declares is nodata.
        nodata: Further nodata ranges (lowest, highest), both ends included.
        open_options: GDAL open options, ``NAME=VALUE``.
    """

    path: str
    band: int = 1
    name: str = ""
    crs: str = FROM_FILE
    use_file_nodata: bool = True
    nodata: Tuple[Tuple[float, float], ...] = ()
    open_options: Tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call the layer."""
        return self.name or PurePath(self.path).name or self.path

    @classmethod
    def from_json(cls, value: Any, label: str, *, least_band: int = 1) -> RasterSource:
        """Return the source that a JSON value describes: a path, or an object with the attributes.

        Args:
            value: The JSON value.
            label: What messages call the parameter.
            least_band: The band where none is given: 0 where every band of a file is taken.

        Raises:
            JobError: The value is neither, or an attribute is unknown or malformed.
        """
        if isinstance(value, RasterSource):
            return value
        fields = _attributes(cls, value, label)
        try:
            fields["band"] = int(fields.get("band", least_band))
            fields["nodata"] = tuple((float(a), float(b)) for a, b in fields.get("nodata", ()))
            fields["open_options"] = tuple(str(option) for option in fields.get("open_options", ()))
        except (TypeError, ValueError) as error:
            raise JobError(f"{label}: malformed raster description {value!r}: {error}") from error
        if fields["band"] < least_band:
            raise JobError(f"{label}: bands count from 1, got {fields['band']}")
        return cls(**fields)


@dataclass(frozen=True)
class VectorSource:
    """One layer of a vector file that GDAL opens.

    Attributes:
        path: File name or GDAL path.
        layer: Name of the layer inside the file; the first one when empty.
        name: The layer's name in QGIS, for messages.
        crs: As in `RasterSource`.
        where: A filter in SQL (the subset string of the layer in QGIS), or empty.
    """

    path: str
    layer: str = ""
    name: str = ""
    crs: str = FROM_FILE
    where: str = ""

    @property
    def label(self) -> str:
        """What messages call the layer."""
        return self.name or self.layer or PurePath(self.path).name or self.path

    @classmethod
    def from_json(cls, value: Any, label: str) -> VectorSource:
        """Return the source that a JSON value describes: a path, or an object with the attributes.

        Raises:
            JobError: The value is neither, or an attribute is unknown.
        """
        if isinstance(value, VectorSource):
            return value
        fields = _attributes(cls, value, label)
        return cls(**{key: str(item) for key, item in fields.items()})


def _attributes(source: type, value: Any, label: str) -> Dict[str, Any]:
    """Return the attributes of a source that a JSON value gives: a path, or an object."""
    if isinstance(value, str) and value:
        return {"path": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("path"), str):
        raise JobError(f"{label}: expected a layer's path or an object with a path, got {value!r}")
    unknown = set(value) - {field.name for field in dataclasses.fields(source)}
    if unknown:
        raise JobError(f"{label}: unknown attributes of a layer: {', '.join(sorted(unknown))}")
    return dict(value)
