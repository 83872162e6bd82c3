"""The base of all jobs: coercion, checks and JSON, derived from the fields' descriptions."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Dict, Iterator, Mapping, Tuple, Type, TypeVar

from ..errors import JobError
from .fields import Kind, Spec, bounds_text, choices_text, spec_of
from .sources import RasterSource, VectorSource

J = TypeVar("J", bound="Job")


@dataclass(frozen=True)
class Number:
    """A number that a job returns: its output name in Processing, label and unit."""

    name: str
    label: str
    unit: str = ""


@dataclass(frozen=True)
class Job:
    """One algorithm's parameters, checked.

    Subclasses are frozen dataclasses whose fields all come from `fields.parameter`; a field's
    name in upper case is the Processing parameter's name. Values are coerced and checked on
    construction.

    Attributes:
        NAME: The algorithm's id within the provider, and the module in `runs` that does the work.
        LABEL: The algorithm's name in the toolbox.
        GROUP: The toolbox group.
        SUMMARY: What the algorithm does and gives, for the help panel; HTML allowed.
        NUMBERS: The numbers that the job returns.
    """

    NAME: ClassVar[str]
    LABEL: ClassVar[str]
    GROUP: ClassVar[str]
    SUMMARY: ClassVar[str]
    NUMBERS: ClassVar[Tuple[Number, ...]] = ()

    def __post_init__(self) -> None:
        """Coerce every value to its kind and check it.

        Raises:
            JobError: A value is missing, malformed, or out of its bounds.
        """
        for name, spec in self.specs():
            value = coerce(getattr(self, name), spec)
            object.__setattr__(self, name, value)
        self.check()

    def check(self) -> None:
        """Check what concerns several parameters; overridden by jobs that need it.

        Raises:
            JobError: The parameters contradict each other.
        """

    @classmethod
    def specs(cls) -> Iterator[Tuple[str, Spec]]:
        """Yield each field's name and description, in the order of the dialog."""
        for field in dataclasses.fields(cls):
            yield field.name, spec_of(field)

    @classmethod
    def default(cls, name: str) -> Any:
        """Return a field's default."""
        return next(field.default for field in dataclasses.fields(cls) if field.name == name)

    def output_paths(self) -> Dict[str, str]:
        """Return the files and folders that this job writes: field name to path."""
        return {
            name: getattr(self, name)
            for name, spec in self.specs()
            if spec.kind.is_output and getattr(self, name)
        }

    def input_paths(self) -> Dict[str, str]:
        """Return the files that this job reads: field name to path."""
        paths: Dict[str, str] = {}
        for name, spec in self.specs():
            value = getattr(self, name)
            if isinstance(value, (RasterSource, VectorSource)):
                paths[name] = value.path
            elif spec.kind is Kind.RASTERS:
                paths.update({f"{name}[{i}]": source.path for i, source in enumerate(value)})
            elif spec.kind is Kind.FILE and value:
                paths[name] = value
        return paths

    def to_dict(self) -> Dict[str, Any]:
        """Return the parameters as JSON-ready values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls: Type[J], values: Mapping[str, Any]) -> J:
        """Return the job that JSON values describe.

        Raises:
            JobError: A parameter is unknown, or a value is wrong.
        """
        known = {name for name, _ in cls.specs()}
        unknown = sorted(set(values) - known)
        if unknown:
            raise JobError(
                f"{cls.NAME}: unknown parameters {', '.join(unknown)};"
                f" known are {', '.join(sorted(known))}"
            )
        return cls(**values)


def coerce(value: Any, spec: Spec) -> Any:
    """Return a value as its kind asks, checked against the description.

    Raises:
        JobError: The value is missing, malformed, or out of its bounds.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        result: Any = () if spec.kind.is_sequence else "" if spec.kind is Kind.TEXT else None
    else:
        result = _COERCE[spec.kind](value, spec)
    if result in ((), "", None) and not spec.optional:
        raise JobError(f"{spec.label} is missing; give it")
    return result


def _number(value: Any, spec: Spec) -> float:
    if isinstance(value, bool):
        raise JobError(f"{spec.label}: expected a number, got {value}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise JobError(f"{spec.label}: expected a number, got {value!r}") from None
    if not math.isfinite(number):
        raise JobError(f"{spec.label}: expected a finite number, got {value}")
    too_low = spec.minimum is not None and number < spec.minimum
    too_high = spec.maximum is not None and number > spec.maximum
    if too_low or too_high or (spec.below is not None and number >= spec.below):
        raise JobError(f"{spec.label}: {number:g} is out of bounds; give {bounds_text(spec)}")
    return number


def _integer(value: Any, spec: Spec) -> int:
    number = _number(value, spec)
    if number != int(number):
        raise JobError(f"{spec.label}: expected a whole number, got {value}")
    return int(number)


def _flag(value: Any, spec: Spec) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise JobError(f"{spec.label}: expected true or false, got {value!r}")


def _choice(value: Any, spec: Spec) -> str:
    if value not in [choice.id for choice in spec.choices]:
        raise JobError(f"{spec.label}: {value!r} is not one of {choices_text(spec.choices)}")
    return str(value)


def _items(value: Any, spec: Spec) -> Tuple[Any, ...]:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.replace(";", ",").split(",") if item.strip())
    try:
        return tuple(value)
    except TypeError:
        return (value,)


def _text(value: Any, spec: Spec) -> str:
    if not isinstance(value, str):
        raise JobError(f"{spec.label}: expected text, got {value!r}")
    return value.strip()


def _path(value: Any, spec: Spec) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise JobError(f"{spec.label}: expected a path, got {value!r}")
    return os.fspath(value)


_COERCE: Dict[Kind, Callable[[Any, Spec], Any]] = {
    Kind.RASTER: lambda value, spec: RasterSource.from_json(value, spec.label),
    Kind.RASTERS: lambda value, spec: tuple(
        RasterSource.from_json(item, spec.label, least_band=0)
        for item in ([value] if isinstance(value, (str, Mapping, RasterSource)) else value)
    ),
    Kind.VECTOR: lambda value, spec: VectorSource.from_json(value, spec.label),
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.CHOICES: lambda value, spec: tuple(_choice(item, spec) for item in _items(value, spec)),
    Kind.TEXT: _text,
    Kind.NUMBERS: lambda value, spec: tuple(_number(item, spec) for item in _items(value, spec)),
    Kind.CRS: _text,
    Kind.FILE: _path,
    Kind.FOLDER: _path,
    Kind.OUTPUT_RASTER: _path,
    Kind.OUTPUT_FILE: _path,
    Kind.OUTPUT_HTML: _path,
    Kind.OUTPUT_FOLDER: _path,
}


def dumps(job: Job, run_id: str = "") -> str:
    """Return the text of a job file.

    Args:
        run_id: Letters and digits that mark this run's unfinished files, so that whoever started
            the worker can remove them should it be killed.
    """
    return json.dumps({"job": job.NAME, "run_id": run_id, "parameters": job.to_dict()}, indent=1)
