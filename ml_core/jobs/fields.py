"""Field descriptions: what a parameter is, once, for dialogs, command line and JSON checks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Optional, Sequence, Tuple


class Kind(str, Enum):
    """What a parameter's value is."""

    RASTER = "raster"  # RasterSource
    RASTERS = "rasters"  # tuple of RasterSource, every band of a file where none is named
    VECTOR = "vector"  # VectorSource
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"  # the id of one Choice
    CHOICES = "choices"  # tuple of ids
    TEXT = "text"
    NUMBERS = "numbers"  # tuple of floats, typed as "0, 15, 80"
    CRS = "crs"  # "EPSG:3413" or WKT
    FILE = "file"  # path that is read
    FOLDER = "folder"  # path that is read, or extended in place
    OUTPUT_RASTER = "output_raster"
    OUTPUT_FILE = "output_file"
    OUTPUT_HTML = "output_html"
    OUTPUT_FOLDER = "output_folder"

    @property
    def is_output(self) -> bool:
        """Whether the value is a path that the job writes."""
        return self.value.startswith("output_")

    @property
    def is_sequence(self) -> bool:
        """Whether the value is a tuple."""
        return self in (Kind.RASTERS, Kind.CHOICES, Kind.NUMBERS)


@dataclass(frozen=True)
class Choice:
    """One value of an enumeration: the id that scripts use and the label that a dialog shows."""

    id: str
    label: str


@dataclass(frozen=True)
class Spec:
    """Everything about a parameter but its name and default.

    Attributes:
        kind: What the value is.
        label: What a dialog calls it, without the unit.
        help: One or two sentences for the help panel.
        unit: Unit of the value, such as ``m`` or ``%``; shown behind the label.
        minimum: Smallest value allowed.
        maximum: Largest value allowed.
        below: The value must be smaller than this (an open bound).
        choices: The values of an enumeration.
        optional: The value may be absent (None).
        advanced: Folded away in a dialog.
        band: RASTER only: a band of the file can be picked (a second parameter, ``NAME_BAND``).
        extension: Files and outputs: the extension without a dot.
        description: Files and outputs: the kind of file, such as ``SIC network``.
        decimals: NUMBER: decimals that a dialog shows.
        multiline: TEXT: shown in a larger box.
        created: An optional output that a dialog proposes to write; else it proposes to skip it.
    """

    kind: Kind
    label: str
    help: str
    unit: str = ""
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    below: Optional[float] = None
    choices: Tuple[Choice, ...] = ()
    optional: bool = False
    advanced: bool = False
    band: bool = False
    extension: str = ""
    description: str = ""
    decimals: int = 6
    multiline: bool = False
    created: bool = True

    @property
    def title(self) -> str:
        """The label with its unit."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


def parameter(
    kind: Kind,
    label: str,
    help: str,
    *,
    default: Any = None,
    bounds: Tuple[Optional[float], Optional[float]] = (None, None),
    **more: Any,
) -> Any:
    """Return a dataclass field that carries its `Spec`, of which ``more`` are attributes.

    Args:
        kind: What the value is.
        label: As in `Spec`.
        help: As in `Spec`.
        default: The value where none is given; None: it must be given unless it is optional.
        bounds: The smallest and the largest value allowed; None: no such bound.
        more: Further attributes of the Spec.
    """
    spec = Spec(kind, label, help, minimum=bounds[0], maximum=bounds[1], **more)
    return dataclasses.field(default=default, metadata={"spec": spec})


# One constructor for each kind, with what all of the kind have in common.
raster = partial(parameter, Kind.RASTER)
rasters = partial(parameter, Kind.RASTERS, default=(), optional=True)
vector = partial(parameter, Kind.VECTOR)
integer = partial(parameter, Kind.INTEGER)
number = partial(parameter, Kind.NUMBER)
numbers = partial(parameter, Kind.NUMBERS)
flag = partial(parameter, Kind.FLAG, default=False)
choice = partial(parameter, Kind.CHOICE)
choices = partial(parameter, Kind.CHOICES)
text = partial(parameter, Kind.TEXT, default="")
crs = partial(parameter, Kind.CRS)
file = partial(parameter, Kind.FILE)
folder = partial(parameter, Kind.FOLDER)
network_file = partial(file, extension="safetensors", description="SIC network")
output_raster = partial(parameter, Kind.OUTPUT_RASTER, extension="tif", description="GeoTIFF")
output_network = partial(
    parameter, Kind.OUTPUT_FILE, extension="safetensors", description="SIC network"
)
output_table = partial(
    parameter, Kind.OUTPUT_FILE, extension="csv", description="CSV", optional=True, created=False
)
output_html = partial(parameter, Kind.OUTPUT_HTML, extension="html", description="HTML report")
output_folder = partial(parameter, Kind.OUTPUT_FOLDER)
seed = partial(integer, "Seed", default=1, bounds=(0, 2**31 - 1))


def same(job: type, name: str) -> Any:
    """Return a dataclass field like another class's."""
    field = next(field for field in dataclasses.fields(job) if field.name == name)
    return dataclasses.field(default=field.default, metadata=field.metadata)


def optional(job: type, name: str) -> Any:
    """Return a dataclass field like a base class's, but that may be absent."""
    spec = dataclasses.replace(spec_of(same(job, name)), optional=True)
    return dataclasses.field(default=None, metadata={"spec": spec})


def spec_of(field: dataclasses.Field[Any]) -> Spec:
    """Return the Spec that a job's dataclass field carries."""
    spec: Spec = field.metadata["spec"]
    return spec


def bounds_text(spec: Spec) -> str:
    """Return a parameter's bounds in words, such as ``0 to 100 %``, or an empty text."""
    unit = f" {spec.unit}" if spec.unit else ""
    low, high = spec.minimum, spec.maximum
    if low is not None and high is not None:
        return f"{low:g} to {high:g}{unit}"
    if low is not None and spec.below is not None:
        return f"{low:g} or more and less than {spec.below:g}{unit}"
    if low is not None:
        return f"{low:g}{unit} or more"
    if high is not None:
        return f"{high:g}{unit} or less"
    return ""


def choices_text(choices: Sequence[Choice]) -> str:
    """Return the ids that a script may use, separated by commas."""
    return ", ".join(choice.id for choice in choices)
