"""Which reader a SIC file needs."""

from __future__ import annotations

from pathlib import Path

from ...errors import SeaIceError
from ...jobs.sources import FROM_FILE, RasterSource
from . import netcdf, nsidcbinary, raster
from .product import SicProduct
from .quality import DEFAULT_RULES, QualityRules

_HDF5, _CLASSIC = b"\x89HDF\r\n\x1a\n", (b"CDF\x01", b"CDF\x02", b"CDF\x05")


def recognise(path: str) -> str:
    """Return the format of a file by its content: ``nsidc_binary``, ``netcdf`` or ``raster``.

    Raises:
        SeaIceError: The file cannot be read or is empty.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(nsidcbinary.HEADER_BYTES)
    except IsADirectoryError as error:
        raise SeaIceError(f"{path}: is a folder; give a SIC file") from error
    except OSError as error:
        raise SeaIceError(f"{path}: cannot be read ({error.strerror}); give a SIC file") from error
    if not head:
        raise SeaIceError(f"{path}: the file is empty; download it again")
    if head.startswith((_HDF5, *_CLASSIC)):
        return "netcdf"
    tiff = head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    if not tiff and (Path(path).suffix.lower() == ".bin" or head[6:12].strip(b" \0").isdigit()):
        return "nsidc_binary"
    return "raster"


def read(
    path: str,
    form: str = "auto",
    *,
    variable: str = "",
    time: str = "",
    crs: str = "",
    scale: float | None = None,
    flags: tuple[float, ...] = (),
    rules: QualityRules = DEFAULT_RULES,
) -> SicProduct:
    """Read a SIC product.

    Args:
        form: A format as `recognise` returns it, or ``auto``.
        variable: NetCDF: the field.
        time: NetCDF: which of several times.
        crs: The CRS, instead of the file's.
        scale: Raster: percent per unit of the file.
        flags: Raster: values that are no SIC.
        rules: NetCDF: what is asked of the values.

    Raises:
        SeaIceError: The file cannot be read as SIC.
    """
    form = recognise(path) if form == "auto" else form
    if form == "nsidc_binary":
        return nsidcbinary.read(path)
    if form == "netcdf":
        return netcdf.read(path, variable, time, crs, rules)
    return raster.read(RasterSource(path, crs=crs or FROM_FILE), scale, flags)
