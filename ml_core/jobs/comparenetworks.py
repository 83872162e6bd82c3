"""The job `comparenetworks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from .choices import ARCHITECTURES
from .fields import Kind, parameter
from .fitting import FitDetails
from .inputs import ReferenceInputs


@dataclass(frozen=True)
class NetworkLists(ReferenceInputs):
    """The networks, sizes and regularisations that are combined with each other."""

    architecture: Tuple[str, ...] = parameter(
        Kind.CHOICES,
        "Networks",
        "The networks to compare.",
        default=("unet", "encoder_decoder", "same_resolution_cnn", "patch_cnn"),
        choices=ARCHITECTURES,
    )
    filters: Tuple[float, ...] = parameter(
        Kind.NUMBERS,
        "Filters",
        'Numbers of filters to compare, such as "4, 16, 64": too simple, right, too complex. Empty:'
        " each network's own.",
        default=(),
        optional=True,
    )
    depth: Tuple[float, ...] = parameter(
        Kind.NUMBERS,
        "Depths",
        'Depths to compare, such as "1, 2, 4". Empty: each network\'s own.',
        default=(),
        optional=True,
    )
    regularisation: str = parameter(
        Kind.TEXT,
        "Regularisations",
        "One on each line, or parted by semicolons: settings such as"
        ' "dropout=0.2 l2=1e-4". Known are l2, l1, dropout, dropout_position, augmentation,'
        " data_fraction and patience; what is not named is off, or as the parameters below say."
        ' "none" switches l2, l1 and dropout off.',
        default="none; dropout=0.2 l2=1e-4",
        multiline=True,
    )
    seeds: int = parameter(
        Kind.INTEGER,
        "Seeds",
        "How often each is trained, with other first weights, chips and dropout: the spread over"
        " seeds tells which differences mean something.",
        default=3,
        minimum=1,
        maximum=100,
    )
    test_fraction: float = parameter(
        Kind.NUMBER,
        "Test fraction",
        "Share of the reference kept for the final test, in blocks of their own that choose"
        " nothing.",
        default=0.15,
        minimum=0,
        maximum=0.4,
        decimals=3,
        advanced=True,
    )


@dataclass(frozen=True)
class CompareNetworksJob(FitDetails, NetworkLists, ReferenceInputs):
    """Train several networks, sizes and regularisations on one split and compare them."""

    NAME: ClassVar[str] = "comparenetworks"
    LABEL: ClassVar[str] = "Compare SIC networks"
    GROUP: ClassVar[str] = "Networks"
    SUMMARY: ClassVar[str] = (
        "<p>Trains every combination of networks, sizes and regularisations on the same split of a"
        " scene, several times each, and reports curves, errors on validation and test blocks with"
        " their spread, time, size and a word: under-fitted, fitted or over-fitted.</p>"
        "<p>Finished trainings are kept in a file beside the report, NAME.runs.jsonl. A run that"
        " was cancelled goes on from there when it is started again with the same report.</p>"
    )

    report: Optional[str] = parameter(
        Kind.OUTPUT_HTML,
        "Comparison",
        "Curves and tables, for a browser.",
        extension="html",
        description="HTML report",
    )
    table: Optional[str] = parameter(
        Kind.OUTPUT_FILE,
        "Table of trainings",
        "One line for each training.",
        extension="csv",
        description="CSV",
        optional=True,
        created=False,
    )

    def check(self) -> None:
        """Check that the layers to learn from are there and the sizes are whole numbers."""
        for name in ("hh", "hv", "reference"):
            if getattr(self, name) is None:
                label = dict(self.specs())[name].label
                raise JobError(
                    f"{label} is missing; a comparison needs HH, HV and a reference SIC layer"
                )
        for name, label in (("filters", "Filters"), ("depth", "Depths")):
            for value in getattr(self, name):
                if value != int(value) or value < 1:
                    raise JobError(f"{label}: {value:g}; expected whole numbers of 1 or more")
