"""The job `describemodel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional, Tuple

from .base import Job, Number
from .fields import Kind, parameter
from .network import NetworkInputs


@dataclass(frozen=True)
class ModelInput(Job):
    """A model file, or none."""

    model: Optional[str] = parameter(
        Kind.FILE,
        "SIC network",
        "A model file that Train SIC network wrote. Empty: the network that the parameters below"
        " describe.",
        extension="safetensors",
        description="SIC network",
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
        " it was trained on, with which settings, and how well it did.</p>"
        "<p>Without a model file it shows the network that the parameters ask for, before any"
        " training.</p>"
    )
    NUMBERS: ClassVar[Tuple[Number, ...]] = (
        Number("PARAMETERS", "Trained parameters"),
        Number("RECEPTIVE_FIELD", "Receptive field", "px"),
        Number("GFLOP_PER_MPX", "Arithmetic", "GFLOP per million pixels"),
    )

    incidence_channel: bool = parameter(
        Kind.FLAG,
        "Incidence angle is a channel",
        "Without a model file: whether the network gets the incidence angle besides HH and HV.",
        default=False,
        advanced=True,
    )
    pixel_size: Optional[float] = parameter(
        Kind.NUMBER,
        "Pixel size",
        "Without a model file: the pixel size that the network would work at, to give the receptive"
        " field in km.",
        unit="m",
        minimum=0.1,
        optional=True,
        decimals=1,
        advanced=True,
    )
    chip_size: Optional[int] = parameter(
        Kind.INTEGER,
        "Chip size",
        "Side of the input that sizes are given for. Empty: that of the training, or one that fits."
        " A patch network is shown for its patch.",
        unit="px",
        minimum=8,
        maximum=4096,
        optional=True,
        advanced=True,
    )
    report: Optional[str] = parameter(
        Kind.OUTPUT_HTML,
        "Description",
        "The description, for a browser.",
        extension="html",
        description="HTML report",
    )
