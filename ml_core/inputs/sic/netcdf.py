"""SIC in NetCDF: OSI SAF, NSIDC, Ifremer/CERSAT and others that describe themselves (CF)."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from ...errors import SeaIceError
from .flags import meanings, named
from .netcdfgrid import read_grid
from .product import SicProduct, counted
from .quality import DEFAULT_RULES, MAIN_FIELDS, QualityRules, read_quality
from .sensors import AMSR2_19, SSMIS_19, SSMIS_91, SensorFootprint, of_platform
from .validity import validity

_NAMES = re.compile(
    r"ice_conc|concentration|sic|siconc|cdr_seaice_conc|sea_ice_concentration|\w+_icecon",
    re.IGNORECASE,
)
"""Names of SIC variables in files without a standard name."""


def read(
    path: str,
    variable: str = "",
    time: str = "",
    crs: str = "",
    rules: QualityRules = DEFAULT_RULES,
) -> SicProduct:
    """Read one SIC field.

    Args:
        variable: The SIC variable; found by its standard name, or by its name, when empty.
        time: Which of several times: a day (2017-10-02) or a number, counted from 1.
        crs: The CRS of a file that does not give one.
        rules: What is asked of its values.

    Raises:
        SeaIceError: The file cannot be read, holds no SIC, or more than one field and no choice.
    """
    name = Path(path).name
    try:
        dataset = netCDF4.Dataset(path)
    except OSError as error:
        raise SeaIceError(
            f"{name}: cannot be opened as NetCDF ({error.strerror or error}); the file may be cut"
            " short: download it again"
        ) from error
    with dataset:
        dataset.set_auto_maskandscale(False)
        try:
            return _read(dataset, name, variable, time, crs, rules)
        except (OSError, RuntimeError) as error:
            raise SeaIceError(
                f"{name}: reading failed ({error}); the file is damaged, download it again"
            ) from error


def _read(
    dataset: Any, name: str, variable: str, time: str, crs: str, rules: QualityRules
) -> SicProduct:
    sic = _sic_variable(dataset, name, variable)
    at, date = _chosen(dataset, sic, name, time)
    raw = np.asarray(sic[at])
    if str(getattr(sic, "_Unsigned", "")).lower() == "true" and raw.dtype.kind == "i":
        raw = raw.view(f"u{raw.dtype.itemsize}")
    grid, flip, notes = read_grid(dataset, sic, name, crs)
    percent, invalid, own_flags = _percent(sic, raw, name)
    reasons = _reasons(dataset, sic, at, raw, invalid, own_flags)
    quality = read_quality(dataset, sic, at, percent, rules)
    percent[quality.left_out] = np.nan
    uncertainty = quality.uncertainty_percent
    if flip:
        percent = percent[::-1]
        uncertainty = None if uncertainty is None else uncertainty[::-1]
    title = str(getattr(dataset, "title", "") or getattr(dataset, "long_name", "") or name)
    return SicProduct(
        f"{title.strip()} ({sic.name})",
        np.ascontiguousarray(percent),
        grid,
        _footprint(dataset, sic, name),
        date,
        {**reasons, **quality.excluded},
        (*notes, *quality.notes),
        uncertainty_percent=None if uncertainty is None else np.ascontiguousarray(uncertainty),
        uncertainty_name=quality.uncertainty_name,
        warnings=tuple(quality.warnings),
    )


def _sic_variable(dataset: Any, name: str, wanted: str) -> Any:
    fields = {
        key: item
        for key, item in dataset.variables.items()
        if item.ndim >= 2 and min(item.shape[-2:]) > 1 and item.dtype.kind in "iuf"
    }
    if wanted:
        if wanted not in fields:
            raise SeaIceError(
                f"{name}: there is no field {wanted!r}; its fields are {', '.join(fields) or '-'}"
            )
        return fields[wanted]
    found = [
        key
        for key, item in fields.items()
        if getattr(item, "standard_name", "") == "sea_ice_area_fraction"
    ]
    found = found or [key for key in fields if _NAMES.fullmatch(key)]
    # OSI SAF's and G02202's main fields, beside unfiltered, raw and experimental ones
    found = [key for key in found if key in MAIN_FIELDS] or found
    if len(found) != 1:
        what = "no SIC field is recognised" if not found else "it holds several SIC fields"
        raise SeaIceError(
            f"{name}: {what}; give one as Variable: {', '.join(found or fields) or 'none is there'}"
        )
    return fields[found[0]]


def _chosen(dataset: Any, sic: Any, name: str, time: str) -> tuple[tuple[Any, ...], str]:
    """Return the index of the chosen field, and the day or period that it is of."""
    if sic.ndim == 2:
        date = validity(dataset, "time", 0, _date_of(dataset, None, 0))
        return (slice(None), slice(None)), date
    extra = sic.dimensions[:-2]
    long = [dimension for dimension in extra if len(dataset.dimensions[dimension]) > 1]
    if len(long) > 1:
        raise SeaIceError(
            f"{name}: {sic.name} has the dimensions {', '.join(sic.dimensions)}; only one besides"
            " rows and columns may be longer than 1"
        )
    axis = long[0] if long else extra[0]
    count = len(dataset.dimensions[axis])
    if count == 0:
        raise SeaIceError(f"{name}: {sic.name} has no {axis}: the file is empty")
    days = [_date_of(dataset, axis, k) for k in range(count)]
    step = _step(days, name, axis, time) if count > 1 else 0
    index = tuple(step if dimension == axis else 0 for dimension in extra)
    return (*index, slice(None), slice(None)), validity(dataset, axis, step, days[step])


def _step(days: list[str], name: str, axis: str, time: str) -> int:
    shown = [day or str(k) for k, day in enumerate(days, 1)]
    listing = ", ".join(shown if len(shown) <= 12 else [*shown[:6], "…", *shown[-6:]])
    if time:
        matches = [k for k, day in enumerate(days) if "-" in time and day.startswith(time)]
        if time.isdigit() and 1 <= int(time) <= len(days):
            matches = [int(time) - 1]
        if len(matches) == 1:
            return matches[0]
        raise SeaIceError(
            f"{name}: Time {time!r} is {'more than one' if matches else 'none'} of its"
            f" {len(days)} times; give one of them, or its number from 1: {listing}"
        )
    raise SeaIceError(
        f"{name}: it holds {len(days)} times along {axis!r}; give one as Time: {listing}"
    )


def _date_of(dataset: Any, axis: str | None, step: int) -> str:
    variable = dataset.variables.get(axis or "time", dataset.variables.get("time"))
    units = str(getattr(variable, "units", ""))
    if variable is None or " since " not in units:
        return ""
    values = np.asarray(variable[:]).ravel()
    if step >= values.size:
        return ""
    calendar = str(getattr(variable, "calendar", "standard"))
    try:
        moment: Any = netCDF4.num2date(values[step], units, calendar)
    except (ValueError, OverflowError):
        return ""
    text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
    return text if moment.hour == moment.minute == 0 else f"{text}T{moment.strftime('%H:%M')}"


def _percent(
    sic: Any, raw: NDArray[Any], name: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_], dict[int, str]]:
    """Return SIC in percent, where there is none, and the flags among the variable's own values."""
    missing = [
        value
        for attribute in ("_FillValue", "missing_value")
        for value in np.atleast_1d(getattr(sic, attribute, ())).tolist()
    ]
    flags = meanings(sic)
    invalid = np.isin(raw, [np.array(value).astype(raw.dtype) for value in (*missing, *flags)])
    if raw.dtype.kind == "f":
        invalid |= ~np.isfinite(raw)
    scale = float(getattr(sic, "scale_factor", 1.0))
    values = raw * scale + float(getattr(sic, "add_offset", 0.0))
    units = str(getattr(sic, "units", "")).strip().lower()
    highest = values.max(where=~invalid, initial=-math.inf)
    if units in ("1", "fraction") or (not units and highest <= 1.005):
        values = values * 100.0
    elif units and not units.startswith(("%", "percent")):
        raise SeaIceError(
            f"{name}: the unit of {sic.name} is {units!r}, not % or 1; choose a SIC field as"
            " Variable"
        )
    # rounding may lift 100 % a little
    outside = ~invalid & ((values < -0.01) | (values > 100.01))
    if outside.any():
        flags = {**flags, **dict.fromkeys(np.unique(raw[outside]).tolist(), "outside 0-100 %")}
        invalid |= outside
    percent = np.where(invalid, np.nan, np.clip(values, 0.0, 100.0)).astype(np.float32)
    return percent, invalid, flags


def _reasons(
    dataset: Any,
    sic: Any,
    at: tuple[Any, ...],
    raw: NDArray[Any],
    invalid: NDArray[np.bool_],
    own_flags: dict[int, str],
) -> dict[str, int]:
    """Count the pixels without SIC by the file's flags, else by their own value."""
    own = np.isin(raw, [np.array(value).astype(raw.dtype) for value in own_flags]) & invalid
    reasons = counted(raw[own], own_flags, "flag") if own.any() else {}
    rest = invalid & ~own
    if not rest.any():
        return reasons
    flags = (dataset.variables.get(key) for key in ("status_flag", "quality_flag"))
    fitting = (flag for flag in flags if flag is not None and flag.dimensions == sic.dimensions)
    status = next(fitting, None)
    if status is None:
        return {**reasons, "missing": int(rest.sum())}
    values = np.asarray(status[at])[rest]
    return {**reasons, **counted(values, named(status, values), status.name.replace("_", " "))}


def _footprint(dataset: Any, sic: Any, name: str) -> SensorFootprint | None:
    """Return the footprint of the products that are known."""
    attributes = {key: str(dataset.getncattr(key)) for key in dataset.ncattrs()}
    text = " ".join([name, *attributes.values()]).lower()
    column = re.fullmatch(r"([FN]\d\d|AM2)_ICECON", sic.name)
    if column:
        return of_platform(column.group(1))
    if "osi-408" in text or ("osi saf" in text and "amsr" in text):
        return AMSR2_19
    if "osi-4" in text or "osi saf" in text or "osisaf" in text:
        return SSMIS_19
    if sic.name.startswith("cdr_seaice_conc"):
        platform = re.search(r"\b[FN]\d\d\b", attributes.get("platform", ""))
        return of_platform(platform.group()) if platform else None
    if "cersat" in text:
        return of_platform(attributes.get("platform_id", ""), high_frequency=True) or SSMIS_91
    return None
