"""Regularisations as an analyst writes them: settings of a fit, several to compare."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from ..errors import SeaIceError
from ..jobs.base import coerce
from ..jobs.fitting import FitInputs

_OFF: Final[dict[str, Any]] = {"dropout": 0.0, "l2": 0.0, "l1": 0.0}
_KNOWN: Final = (
    "l2",
    "l1",
    "dropout",
    "dropout_position",
    "augmentation",
    "data_fraction",
    "patience",
)


@dataclass(frozen=True)
class Regularisation:
    """One of the regularisations to compare.

    Attributes:
        name: What reports call it: as the analyst wrote it, in one way of spacing.
        settings: The parameters of `FitInputs` that it sets.
    """

    name: str
    settings: dict[str, Any]


def parse(text: str) -> list[Regularisation]:
    """Return the regularisations in a text: parted by semicolons or line breaks.

    Each is ``none`` or settings ``name=value`` parted by spaces or commas.

    Raises:
        SeaIceError: A setting is unknown, malformed, out of its bounds, or named twice; or a
            regularisation is.
    """
    found: dict[str, Regularisation] = {}
    for part in re.split(r"[;\n]", text):
        if not part.strip():
            continue
        one = _one(part)
        if one.name in found:
            raise SeaIceError(f"Regularisations: {one.name!r} is there twice; name it once")
        found[one.name] = one
    if not found:
        raise SeaIceError('Regularisations: none given; write "none" to compare without any')
    return list(found.values())


def _one(text: str) -> Regularisation:
    words = re.split(r"[\s,]+", re.sub(r"\s*=\s*", "=", text.strip()))
    if words == ["none"]:
        return Regularisation("none", dict(_OFF))
    settings: dict[str, Any] = {}
    for word in words:
        name, _, value = word.lower().partition("=")
        if name not in _KNOWN or not value:
            raise SeaIceError(
                f"Regularisations: {word!r} is not understood; write none, or settings such as"
                f" dropout=0.2 l2=1e-4. Known are {', '.join(_KNOWN)}"
            )
        if name in settings:
            raise SeaIceError(f"Regularisations: {name} is there twice in {text.strip()!r}")
        settings[name] = coerce(value, dict(FitInputs.specs())[name])
    return Regularisation(
        " ".join(f"{name}={_short(value)}" for name, value in settings.items()),
        {**_OFF, **settings},
    )


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
