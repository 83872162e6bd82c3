"""The one door to ml_core and the resources: in the plugin's folder, or beside it in a checkout.

In the package ml_core is a part of this package, so that unloading the plugin unloads it too: a
top-level ml_core would survive an upgrade, and old jobs would reach a new worker. In a checkout it
is found where the checkout's top level is importable, as it is for tests.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

_PLUGIN_FOLDER = Path(__file__).resolve().parent
PACKAGED = importlib.util.find_spec(f"{__package__}.ml_core") is not None
"""Whether ml_core is inside the plugin's folder."""

ROOT = _PLUGIN_FOLDER if PACKAGED else _PLUGIN_FOLDER.parent
"""The folder that holds ml_core and resources; the worker finds ml_core there."""

if TYPE_CHECKING or not PACKAGED:
    from ml_core import errors, events, files, jobs, wmo
    from ml_core.jobs import fields
else:
    from .ml_core import errors, events, files, jobs, wmo
    from .ml_core.jobs import fields

__all__ = ["PACKAGED", "ROOT", "errors", "events", "fields", "files", "jobs", "wmo"]


def resource(*parts: str) -> str:
    """Return the path of a file in the resources folder."""
    return str(ROOT.joinpath("resources", *parts))
