"""The job `comparenetworks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from ..errors import JobError
from . import fields
from .choices import ARCHITECTURES, AUGMENTATIONS
from .fitting import FitDetails
from .inputs import ReferenceInputs


@dataclass(frozen=True)
class SweptSettings(ReferenceInputs):
    """The settings that are combined, every value of one with every value of the others."""

    architecture: Tuple[str, ...] = fields.choices(
        "Networks",
        "The networks to compare.",
        default=("unet", "encoder_decoder", "same_resolution_cnn", "patch_cnn"),
        choices=ARCHITECTURES,
    )
    filters: Tuple[float, ...] = fields.numbers(
        "Filters",
        'Numbers of filters to compare, such as "4, 16, 64": too simple, right, too complex. Empty:'
        " each network's own.",
        default=(),
        optional=True,
    )
    depth: Tuple[float, ...] = fields.numbers(
        "Depths",
        'Depths to compare, such as "1, 2, 4". Empty: each network\'s own.',
        default=(),
        optional=True,
    )
    dropout: Tuple[float, ...] = fields.numbers(
        "Dropout rates",
        'Rates to compare, such as "0, 0.2"; 0 is none.',
        default=(0.0, 0.2),
        bounds=(0, None),
        below=1,
    )
    l2: Tuple[float, ...] = fields.numbers(
        "L2 lambdas",
        "Weights of the sum of squared convolution and dense weights in the loss, such as"
        ' "0, 1e-4"; 0 is none.',
        default=(1e-4,),
        bounds=(0, None),
    )
    l1: Tuple[float, ...] = fields.numbers(
        "L1 lambdas",
        'Weights of the sum of the moduli of these weights, such as "0, 1e-5"; 0 is none.',
        default=(0.0,),
        bounds=(0, None),
    )
    augmentation: Tuple[str, ...] = fields.choices(
        "Augmentations",
        "How chips are varied.",
        default=("flips",),
        choices=AUGMENTATIONS,
        advanced=True,
    )
    data_fraction: Tuple[float, ...] = fields.numbers(
        "Data fractions",
        'Shares of the training part that are used, such as "0.25, 0.5, 1", to see'
        " how much more data would help.",
        default=(1.0,),
        bounds=(0.01, 1),
        advanced=True,
    )
    seeds: int = fields.integer(
        "Seeds",
        "How often each is trained, with other random weights, chips and dropout: the spread over"
        " seeds shows which differences are significant.",
        default=3,
        bounds=(1, 100),
    )
    test_fraction: float = fields.number(
        "Test fraction",
        "Share of the reference kept for the final test, in blocks of their own that are"
        " used for nothing else.",
        default=0.15,
        bounds=(0, 0.4),
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
        " was cancelled resumes from there when it is started again with the same report.</p>"
    )

    report: Optional[str] = fields.output_html("Comparison", "Curves and tables, for a browser.")
    table: Optional[str] = fields.output_table("Table of runs", "One line for each run.")

    def check(self) -> None:
        """Check that the layers to learn from are there and the sizes are whole numbers."""
        super().check()
        self.check_layers("a comparison needs HH, HV and a reference SIC layer")
        for name, label in (("filters", "Filters"), ("depth", "Depths")):
            for value in getattr(self, name):
                if value != int(value) or value < 1:
                    raise JobError(f"{label}: {value:g}; expected whole numbers of 1 or more")
