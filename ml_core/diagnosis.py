"""What this Python offers: versions of the libraries, processors and GPUs."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from .errors import SeaIceError
from .events import Done, Reporter
from .files import OutputFiles
from .jobs import CheckEnvironmentJob

REQUIRED = ("torch", "rasterio", "numpy", "scipy", "safetensors", "matplotlib", "jinja2", "pyproj")
OPTIONAL = ("openvino", "pyogrio", "shapely", "netCDF4")


_REQUIREMENTS = Path(__file__).resolve().parents[1] / "resources" / "requirements.txt"


def versions() -> dict[str, str]:
    """Return the installed libraries' versions, by distribution name."""
    found = {}
    for name in (*REQUIRED, *OPTIONAL):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def outdated() -> list[str]:
    """Return the installed libraries that are older than the list of requirements asks for."""
    try:
        lines = _REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        asked = re.match(r"([\w-]+)>=([\d.]+)", line)
        if asked is None:
            continue
        try:
            installed = metadata.version(asked[1])
        except metadata.PackageNotFoundError:
            continue
        if _numbers(installed) < _numbers(asked[2]):
            found.append(f"{asked[1]} {installed} ({asked[2]} or newer)")
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def run(job: CheckEnvironmentJob, files: OutputFiles, report: Reporter) -> Done:
    """Report the environment; a missing library is an error that says how to get it."""
    report.info(
        f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} processors"
    )
    found = versions()
    for name, version in found.items():
        report.info(f"{name} {version}")
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise SeaIceError(
            f"this Python lacks {', '.join(missing)}; run Install environment, or install them"
            f" there"
        )
    old = outdated()
    if old:
        report.warning(f"too old: {', '.join(old)}; run Install environment, or upgrade them there")
    import torch

    if torch.cuda.is_available():
        report.info(f"GPU: {torch.cuda.get_device_name()}")
    else:
        report.info("No GPU that PyTorch can use; networks run on the processor")
    return Done()
