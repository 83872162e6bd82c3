"""The job `comparenetworks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from .choices import ARCHITECTURES, AUGMENTATIONS
from .fields import Kind, parameter
from .fitting import FitDetails
from .inputs import ReferenceInputs


@dataclass(frozen=True)
class SweptSettings(ReferenceInputs):
    """The settings that are combined, every value of one with every value of the others."""

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
    dropout: Tuple[float, ...] = parameter(
        Kind.NUMBERS,
        "Dropout rates",
        'Rates to compare, such as "0, 0.2"; 0 is none.',
        default=(0.0, 0.2),
        minimum=0,
        below=1,
    )
    l2: Tuple[float, ...] = parameter(
        Kind.NUMBERS,
        "L2 lambdas",
        "Weights of the sum of squared convolution and dense weights in the loss, such as"
        ' "0, 1e-4"; 0 is none.',
        default=(1e-4,),
        minimum=0,
    )
    l1: Tuple[float, ...] = parameter(
        Kind.NUMBERS,
        "L1 lambdas",
        'Weights of the sum of the moduli of these weights, such as "0, 1e-5"; 0 is none.',
        default=(0.0,),
        minimum=0,
    )
    augmentation: Tuple[str, ...] = parameter(
        Kind.CHOICES,
        "Augmentations",
        "How chips are varied.",
        default=("flips",),
        choices=AUGMENTATIONS,
        advanced=True,
    )
    data_fraction: Tuple[float, ...] = parameter(
        Kind.NUMBERS,
        "Data fractions",
        'Shares of the training part that are used, such as "0.25, 0.5, 1": what more data are'
        " worth.",
        default=(1.0,),
        minimum=0.01,
        maximum=1,
        advanced=True,
    )
    seeds: int = parameter(
        Kind.INTEGER,
        "Seeds",
        "How often each is trained, with other first weights, chips and dropout: the spread over"
        " seeds shows which differences mean something.",
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
class CompareNetworksJob(FitDetails, SweptSettings, ReferenceInputs):
    """Train several networks, sizes and regularisations on one split and compare them."""

    NAME: ClassVar[str] = "comparenetworks"
    LABEL: ClassVar[str] = "Compare SIC networks"
    GROUP: ClassVar[str] = "Networks"
    SUMMARY: ClassVar[str] = (
        "<p>Trains every combination of networks, sizes and regularisations on the same split of a"
        " scene, several times each, and reports curves, errors on validation and test blocks with"
        " their spread, time, size and whether the fit is under-fitted, fitted or over-fitted.</p>"
        "<p>Finished runs are kept in a file beside the report, NAME.runs.jsonl. A comparison that"
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
        "Table of runs",
        "One line for each run.",
        extension="csv",
        description="CSV",
        optional=True,
        created=False,
    )

    def check(self) -> None:
        """Check that the layers to learn from are there and the sizes are whole numbers."""
        super().check()
        self.check_layers("a comparison needs HH, HV and a reference SIC layer")
        for name, label in (("filters", "Filters"), ("depth", "Depths")):
            for value in getattr(self, name):
                if value != int(value) or value < 1:
                    raise JobError(f"{label}: {value:g}; expected whole numbers of 1 or more")
