"""What the plugin keeps in the QGIS profile: the provider's settings and the folders."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication, QgsSettings

PYTHON_SETTING = "SEAICE_WORKER_PYTHON"
"""The name of the worker's Python in Processing's configuration."""


def worker_python() -> str:
    """Return the worker's Python that the provider's settings name, or an empty text."""
    return str(QgsSettings().value(f"Processing/Configuration/{PYTHON_SETTING}", "") or "")


def environment_folder() -> Path:
    """Return the folder of the environment that Install environment makes.

    It is outside the plugin's folder, which an upgrade replaces.
    """
    return _profile() / "environment"


def models_folder() -> Path:
    """Return the folder where models that were written to a temporary path are kept."""
    return _profile() / "models"


def _profile() -> Path:
    return Path(QgsApplication.qgisSettingsDirPath()) / "seaice"
