"""The libraries of this Python: their versions, and which are too old."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

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
