"""The job `checkenvironment`: libraries, processors and GPUs of this Python."""

from __future__ import annotations

import os
import platform

from .. import diagnosis
from ..errors import SeaIceError
from ..events import Done, Reporter
from ..files import OutputFiles
from ..jobs import CheckEnvironmentJob


def run(job: CheckEnvironmentJob, files: OutputFiles, report: Reporter) -> Done:
    """Report the environment; a missing library is an error with its remedy."""
    report.info(
        f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} processors"
    )
    found = diagnosis.versions()
    for name, version in found.items():
        report.info(f"{name} {version}")
    missing = [name for name in diagnosis.REQUIRED if name not in found]
    if missing:
        raise SeaIceError(
            f"this Python lacks {', '.join(missing)}; run Install environment, or install them"
        )
    old = diagnosis.outdated()
    if old:
        report.warning(f"too old: {', '.join(old)}; run Install environment, or upgrade them")
    import torch

    if torch.cuda.is_available():
        report.info(f"GPU: {torch.cuda.get_device_name()}")
    else:
        report.info("No GPU that PyTorch can use; networks run on the processor")
    return Done()
