"""Install environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import ClassVar, List, Optional

from qgis.core import QgsProcessingFeedback

from .. import environment, runner, settings
from ..core import events, fields, jobs, resource
from .base import SeaIceAlgorithm, cancelled, listener

_PYTORCH = "https://download.pytorch.org/whl/"
_CUDA_BUILD = "cu126"


@dataclass(frozen=True)
class InstallEnvironmentJob(jobs.Job):
    """Make the worker's Python; the one job that runs inside QGIS."""

    NAME: ClassVar[str] = "installenvironment"
    LABEL: ClassVar[str] = "Install environment"
    GROUP: ClassVar[str] = "Environment"
    SUMMARY: ClassVar[str] = (
        "<p>Makes the Python environment that does the computing, apart from QGIS's own: PyTorch,"
        " rasterio and other libraries are downloaded into the folder <i>seaice/environment</i> of"
        " the QGIS profile (1 to 2 GB; with GPU support several GB).</p>"
        "<p>It is needed once, and again when a new version of the plugin asks for it. An"
        " environment that is already there stays until the new one works. Behind a proxy, pip's"
        " own settings apply.</p>"
    )

    python: Optional[str] = fields.parameter(
        fields.Kind.FILE,
        "Python",
        "A Python 3.10 to 3.13 that makes the environment. Empty: one is looked for.",
        optional=True,
        description="Python",
    )
    build: str = fields.parameter(
        fields.Kind.CHOICE,
        "PyTorch build",
        "Which build of PyTorch is installed.",
        default="cpu",
        choices=(
            fields.Choice("cpu", "for processors; the smallest download"),
            fields.Choice("cuda", "for NVIDIA GPUs too; several GB"),
        ),
    )


class InstallEnvironment(SeaIceAlgorithm):
    """Makes the worker's Python in the profile's folder."""

    JOB = InstallEnvironmentJob
    TAGS = ("python", "torch", "pip", "setup", "dependencies")

    def run_job(self, job: jobs.Job, feedback: QgsProcessingFeedback) -> events.Done:
        """Make the environment and check it."""
        assert isinstance(job, InstallEnvironmentJob)
        poll = cancelled(feedback)

        def check(python: str) -> None:
            feedback.setProgress(90)
            runner.run(jobs.CheckEnvironmentJob(), listener(feedback), poll, python)

        base = environment.base_python(job.python or "")
        feedback.pushInfo(f"Making the environment with {' '.join(base)}")
        python = environment.create(
            settings.environment_folder(),
            base,
            resource("requirements.txt"),
            check,
            feedback.pushConsoleInfo,
            poll,
            _index(job.build),
        )
        feedback.pushInfo(f"The environment works: {python}")
        return events.Done()


def _index(build: str) -> List[str]:
    """Return pip's options for a build of PyTorch.

    PyPI's own builds are for CUDA on Linux and for processors elsewhere; a build's name after the
    version makes pip prefer it to them.
    """
    if build == "cpu" and sys.platform == "linux":
        return ["--extra-index-url", f"{_PYTORCH}cpu"]
    if build == "cuda" and sys.platform == "win32":
        return ["--extra-index-url", f"{_PYTORCH}{_CUDA_BUILD}"]
    return []
