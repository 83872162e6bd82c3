"""Quality of a NetCDF product's values: its uncertainty, confidence levels and flags."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...jobs.importsic import SIC_FLAGS, ImportSicJob
from ...raster.radiometry import Floats, Mask
from .flags import flagged, meanings

_WORDS: Final = {
    "land_spill_over": r"spill|coastal correction",
    "land": r"\bland\b",
    "lake": r"\blakes?\b",
    "coast": r"\bcoast",
    "high_temperature": r"t2m|high .*temp",
    "interpolated": r"interp",
    "no_input": r"no input|no data|missing|unprocessed|erroneous",
    "open_water_filter": r"open water|weather",
    "climatology": r"climo|ice mask|outside the region",
    "melt": r"melt",
}
"""How products call a flag of `jobs.importsic.SIC_FLAGS`; the first that fits counts.

Files say what their bits mean, and not always the same bit means the same:

- status_flag of OSI SAF OSI-430 and OSI-450, C3S and ESA CCI: 1 land, 2 lake, 4 SIC set to 0 by the
  open-water filter, 8 SIC changed to correct land spill-over, 16 air at 2 m is warm and ice may be
  false, 32 interpolated in space, 64 in time, 128 SIC set to 0 outside the maximum ice climatology
  (the files' flag_descriptions, as of ESA CCI version 2.1)
- status_flag of OSI SAF OSI-401-b has also coastal_correction (OSI SAF, notice on 2018-04-23)
- qa_of_cdr_seaice_conc (version 4) and cdr_seaice_conc_qa_flag (5 and 6) of NSIDC G02202: 1 weather
  filter of Bootstrap and 2 of NASA Team, 4 land spill-over filter, 8 no input data, 16 (in)valid
  ice mask, 32 interpolated in space, 64 in time, 128 start of melt (NSIDC's program seaice_ecdr)
"""

_FLAG_VARIABLES: Final = (
    "status_flag",
    "quality_flag",
    "qa_of_cdr_seaice_conc",
    "cdr_seaice_conc_qa_flag",
)

_INTERPOLATIONS: Final = ("temporal_interpolation_flag", "cdr_seaice_conc_interp_temporal_flag")
"""G02202: 10 times the days to the measurement before, and those to the one after; 0: measured on
the day itself (the variable's comment)."""

_CONFIDENCE: Final = "confidence_level"
"""OSI-401 and OSI-408: 0 not processed, 1 failed, 2 to be used with care, 3 acceptable, 4 good, 5
excellent (flag_descriptions of the variable)."""

_TOTAL: Final = (
    "total_standard_uncertainty",  # OSI-430-a, OSI-450-a, C3S
    "total_standard_error",  # OSI-450, ESA CCI
    "total_uncertainty",  # OSI-401, OSI-408
    "stdev_of_cdr_seaice_conc",  # NSIDC G02202, version 4
    "cdr_seaice_conc_stdev",  # and versions 5 and 6
)
_ALGORITHM: Final = (
    "algorithm_standard_uncertainty",
    "algorithm_standard_error",
    "algorithm_uncertainty",
)
MAIN_FIELDS: Final = ("ice_conc", "cdr_seaice_conc")
"""The fields of a file that its uncertainties are of; those of another name it as theirs."""

_ICE_EDGE_PERCENT: Final = (15.0, 85.0)


@dataclass(frozen=True)
class QualityRules:
    """What is asked of a product's values.

    Attributes:
        least_confidence: The lowest confidence level that is kept.
        dropped: Ids of the flags in `jobs.importsic.SIC_FLAGS` whose values are left out.
        uncertainty: ``total``, ``algorithm`` or ``none``.
    """

    least_confidence: int
    dropped: tuple[str, ...]
    uncertainty: str

    @classmethod
    def from_job(cls, job: ImportSicJob) -> QualityRules:
        """Return what a job's parameters ask for."""
        return cls(job.least_confidence, job.dropped_flags, job.uncertainty)


DEFAULT_RULES: Final = QualityRules.from_job(ImportSicJob(product="product", output="output"))


@dataclass(frozen=True)
class Quality:
    """What a product says of its values.

    Attributes:
        left_out: (H, W) where values are not to be used.
        excluded: How many these are by reason.
        uncertainty_percent: (H, W) one standard deviation, NaN where unknown; None: the product
            has none, or it is not asked for.
        uncertainty_name: The variable that it comes from.
        notes: What the analyst should know.
        warnings: What the analyst must know.
    """

    left_out: Mask
    excluded: dict[str, int]
    uncertainty_percent: Floats | None = None
    uncertainty_name: str = ""
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_quality(
    dataset: Any, sic: Any, at: tuple[Any, ...], percent: Floats, rules: QualityRules
) -> Quality:
    """Read what a NetCDF file says of the quality of a field.

    Args:
        dataset: The open file, whose variables are neither masked nor scaled.
        sic: The field's variable.
        at: The index that gives the field's rows and columns.
        percent: (H, W) the field, NaN where there is none.
        rules: What is asked of the values.
    """
    usable = np.isfinite(percent)
    quality = Quality(np.zeros(percent.shape, bool), {})
    variables = {
        name: variable
        for name, variable in dataset.variables.items()
        if variable.dimensions == sic.dimensions and variable.dtype.kind in "iuf"
    }
    _drop_flagged(variables, at, usable, rules.dropped, quality)
    _drop_doubtful(variables, at, usable, rules.least_confidence, quality)
    low, high = _ICE_EDGE_PERCENT
    edge = usable & (np.nan_to_num(percent) >= low) & (np.nan_to_num(percent) <= high)
    lost = int((edge & quality.left_out).sum())
    if lost > 0.5 * edge.sum():
        quality.warnings.append(
            f"the flags and confidence levels leave out {lost} of {int(edge.sum())} px with a SIC"
            f" of {low:g}-{high:g} %: little of the ice edge is left to learn from; see Flags left"
            " out and Least confidence level"
        )
    if rules.uncertainty == "none":
        return quality
    return _with_uncertainty(variables, sic, at, usable & ~quality.left_out, rules, quality)


def _drop_flagged(
    variables: dict[str, Any],
    at: tuple[Any, ...],
    usable: Mask,
    dropped: tuple[str, ...],
    quality: Quality,
) -> None:
    """Leave out what is flagged so; note how many flagged values stay."""
    labels = {choice.id: choice.label.split(":")[0].lower() for choice in SIC_FLAGS}
    where: dict[str, Mask] = {}
    for name in _FLAG_VARIABLES:
        if name in variables:
            values = _integers(variables[name], at)
            for number, text, is_set in flagged(variables[name], values):
                kind = _kind(text)
                if kind and number:  # 0 is no flag, whatever it is called
                    where[kind] = where.get(kind, np.zeros_like(usable)) | is_set
    for name in _INTERPOLATIONS:
        if name in variables:
            days = _integers(variables[name], at)
            where["interpolated"] = where.get("interpolated", False) | ((days > 0) & (days < 100))
    kept = []
    for choice in SIC_FLAGS:
        is_set = where.get(choice.id, np.zeros_like(usable)) & usable & ~quality.left_out
        if not is_set.any():
            continue
        if choice.id in dropped:
            quality.left_out[is_set] = True
            quality.excluded[f"flagged: {labels[choice.id]}"] = int(is_set.sum())
        else:
            kept.append((choice.id, is_set))
    quality.notes.extend(
        f"kept although flagged: {int((is_set & ~quality.left_out).sum())} px, {labels[kind]}"
        for kind, is_set in kept
    )


def _kind(text: str) -> str | None:
    """Return the id of the flag that a file calls so."""
    return next((kind for kind, words in _WORDS.items() if re.search(words, text.lower())), None)


def _drop_doubtful(
    variables: dict[str, Any], at: tuple[Any, ...], usable: Mask, least: int, quality: Quality
) -> None:
    """Leave out values of low confidence."""
    if _CONFIDENCE not in variables:
        return
    levels, names = _integers(variables[_CONFIDENCE], at), meanings(variables[_CONFIDENCE])
    for level in range(least):
        low = (levels == level) & usable & ~quality.left_out
        if low.any():
            quality.left_out[low] = True
            quality.excluded[f"confidence level {level} {names.get(level, '')}".strip()] = int(
                low.sum()
            )


def _with_uncertainty(
    variables: dict[str, Any],
    sic: Any,
    at: tuple[Any, ...],
    usable: Mask,
    rules: QualityRules,
    quality: Quality,
) -> Quality:
    named = str(getattr(sic, "ancillary_variables", "")).split()
    candidates = [
        name
        for name in ((*_ALGORITHM, *_TOTAL) if rules.uncertainty == "algorithm" else _TOTAL)
        if name in variables and (sic.name in MAIN_FIELDS or name in named)
    ]
    if not candidates:
        return quality
    name = candidates[0]
    if rules.uncertainty == "algorithm" and name in _TOTAL:
        quality.notes.append(
            "the product has no uncertainty of its algorithm alone; its total is kept"
        )
    values = _uncertainty_percent(variables[name], at)
    values = np.where(usable, values, np.float32(np.nan))
    known = values[np.isfinite(values)]
    if not known.size:
        quality.notes.append(f"{name} holds no value where there is a SIC")
        return quality
    low, middle, high = np.quantile(known, (0, 0.5, 1))
    quality.notes.append(
        f"uncertainty: {name}, median {middle:.2g} % SIC ({low:.2g} to {high:.2g});"
        f" {int(usable.sum()) - known.size} px with a SIC have none"
    )
    if "stdev" in name:
        quality.notes.append(
            f"{name} is the spread of two algorithms' SIC over a pixel and its neighbours, no full"
            " uncertainty: it is 0 inside even ice and water"
        )
    return dataclasses.replace(quality, uncertainty_percent=values, uncertainty_name=name)


def _uncertainty_percent(variable: Any, at: tuple[Any, ...]) -> Floats:
    """Return an uncertainty in percent SIC, NaN where there is none."""
    raw = np.asarray(variable[at])
    missing = [
        value
        for attribute in ("_FillValue", "missing_value")
        for value in np.atleast_1d(getattr(variable, attribute, ())).tolist()
    ]
    holds = ~np.isin(raw, [np.array(value).astype(raw.dtype) for value in missing])
    scale = float(getattr(variable, "scale_factor", 1.0))
    values = raw * scale + float(getattr(variable, "add_offset", 0.0))
    with np.errstate(invalid="ignore"):
        holds &= np.isfinite(values) & (values >= 0)
    unit = str(getattr(variable, "units", "")).strip().lower()
    # OSI-401 gives its percentages the unit 1; the largest of fractions is no more than 1
    highest = values.max(where=holds, initial=0.0)
    if not unit.startswith(("%", "percent")) and highest <= 1.005:
        values = values * 100.0
    holds &= values <= 100.5
    return np.where(holds, np.minimum(values, 100.0), np.nan).astype(np.float32)


def _integers(variable: Any, at: tuple[Any, ...]) -> NDArray[np.integer[Any]]:
    """Return flags as integers; some files keep them as floats, with NaN where there is none."""
    raw = np.asarray(variable[at])
    if raw.dtype.kind != "f":
        if str(getattr(variable, "_Unsigned", "")).lower() == "true":
            raw = raw.view(f"u{raw.dtype.itemsize}")
    else:
        raw = np.nan_to_num(raw, nan=0.0)
    integers: NDArray[np.integer[Any]] = raw.astype(np.int64)
    return integers
