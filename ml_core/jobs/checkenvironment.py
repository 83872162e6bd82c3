"""The job `checkenvironment`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Job


@dataclass(frozen=True)
class CheckEnvironmentJob(Job):
    """Report what the worker's Python offers."""

    NAME: ClassVar[str] = "checkenvironment"
    LABEL: ClassVar[str] = "Check environment"
    GROUP: ClassVar[str] = "Environment"
    SUMMARY: ClassVar[str] = (
        "<p>Starts the Python that does the computing and reports its version, the libraries it has"
        " and the processors and GPUs it can use.</p>"
    )
