"""The libraries of this Python: their versions, and which are too old."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

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
    """Return the installed libraries that are older than the requirements ask for."""
    try:
        lines = _REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        asked = Requirement(line)
        try:
            installed = metadata.version(asked.name)
        except metadata.PackageNotFoundError:
            continue
        least = next(s.version for s in asked.specifier if s.operator == ">=")
        if Version(installed) < Version(least):
            found.append(f"{asked.name} {installed} ({least} or newer)")
    return found
