"""The job `describemodel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from . import fields
from .base import Job, Number
from .network import NetworkInputs


@dataclass(frozen=True)
class ModelInput(Job):
    """A model file, or none."""

    model: Optional[str] = fields.network_file(
        "SIC network",
        "A model file that Train SIC network wrote. Empty: the network that the parameters below"
        " describe.",
        optional=True,
    )


@dataclass(frozen=True)
class DescribeModelJob(NetworkInputs, ModelInput):
    """Show what a model file holds, or what a network would be."""

    NAME: ClassVar[str] = "describemodel"
    LABEL: ClassVar[str] = "Describe SIC network"
    GROUP: ClassVar[str] = "Networks"
    SUMMARY: ClassVar[str] = (
        "<p>Draws a network and lists its layers with their sizes and parameters, the ground that"
        " an output pixel sees, memory and arithmetic; for a model file also its model card: what"
        " it was trained on, with which settings, and its errors.</p>"
        "<p>Without a model file it shows the network that the parameters ask for, before any"
        " training.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("PARAMETERS", "Trained parameters"),
        Number("RECEPTIVE_FIELD", "Receptive field", "px"),
        Number("GFLOP_PER_MPX", "Arithmetic", "GFLOP per million pixels"),
    )

    incidence_channel: bool = fields.flag(
        "Incidence angle is a channel",
        "Without a model file: whether the network gets the incidence angle besides HH and HV.",
        advanced=True,
    )
    extra_channels: int = fields.integer(
        "Number of extra channels",
        "Without a model file: how many further channels the network gets.",
        default=0,
        bounds=(0, 61),
        advanced=True,
    )
    pixel_size: Optional[float] = fields.number(
        "Pixel size",
        "Without a model file: the pixel size that the network would work at, to give the receptive"
        " field in km.",
        unit="m",
        bounds=(0.1, None),
        optional=True,
        decimals=1,
        advanced=True,
    )
    chip_size: Optional[int] = fields.integer(
        "Chip size",
        "Side of the input that sizes are given for. Empty: that of the training, or one that fits."
        " A patch network is shown for its patch.",
        unit="px",
        bounds=(8, 4096),
        optional=True,
        advanced=True,
    )
    report: Optional[str] = fields.output_html("Description", "The description, for a browser.")
