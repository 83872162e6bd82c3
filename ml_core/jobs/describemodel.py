"""The job `describemodel`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Optional

from .base import Job
from .fields import Kind, parameter


@dataclass(frozen=True)
class DescribeModelJob(Job):
    """Show what a model file holds."""

    NAME: ClassVar[str] = "describemodel"
    LABEL: ClassVar[str] = "Describe SIC network"
    GROUP: ClassVar[str] = "Networks"
    RUNS: ClassVar[str] = "networks.run"
    SUMMARY: ClassVar[str] = (
        "<p>Shows a network's layers and, for a model file, its model card: what it was trained"
        " on, with"
        " which settings, and how well it did.</p>"
    )

    model: Optional[str] = parameter(
        Kind.FILE,
        "SIC network",
        "A model file that Train SIC network wrote.",
        extension="safetensors",
        description="SIC network",
    )
    report: Optional[str] = parameter(
        Kind.OUTPUT_HTML,
        "Description",
        "The description, for a browser.",
        extension="html",
        description="HTML report",
    )
