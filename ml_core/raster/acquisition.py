"""What the files of a scene say of the product that they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CROSSPOL: Final = "_CROSSPOL"
"""Behind the name of a tag: of HV's or VH's file."""

_OWN = ("SEAICE_NOISE", "SEAICE_FLOOR_DB")
"""What may differ between the polarisations of a scene, and must not be taken from the other."""


def acquisition_of(copol: Mapping[str, str], crosspol: Mapping[str, str]) -> dict[str, str]:
    """Return the ``SEAICE_`` tags of a scene.

    Args:
        copol: Tags of HH's or VV's file.
        crosspol: Tags of HV's or VH's.

    Returns:
        The former, and of the latter those that differ, with `CROSSPOL` behind their names.
    """
    found, other = (
        {name: text for name, text in tags.items() if name.startswith("SEAICE_")}
        for tags in (copol, crosspol)
    )
    differing = {
        f"{name}{CROSSPOL}": other.get(name, "")
        for name in sorted({*other, *_OWN} - {"SEAICE_POLARISATION"})
        if other.get(name, "") != found.get(name, "")
    }
    return {**found, **differing}


def of_files(acquisition: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return a tag of HH's or VV's file, and of HV's or VH's; empty where it is unknown."""
    own = acquisition.get(name, "")
    return own, acquisition.get(f"{name}{CROSSPOL}", own)


def polarisations(acquisition: Mapping[str, str]) -> tuple[str, str]:
    """Return the polarisations of a scene; HH and HV where its tags do not say them."""
    return ("VV", "VH") if acquisition.get("SEAICE_POLARISATION") == "VV" else ("HH", "HV")
