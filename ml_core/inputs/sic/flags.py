"""Flags of a NetCDF variable: what its values or bits mean, after CF's attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CERSAT = {1: "land", 2: "no data", 4: "coast", 8: "outside the region where ice occurs"}
"""Bits of CERSAT's quality_flag; the file does not explain them, its map does."""


def meanings(variable: Any) -> dict[int, str]:
    """Return the meanings of a variable's flag values, or of its bits."""
    values = getattr(variable, "flag_values", getattr(variable, "flag_masks", None))
    words = str(getattr(variable, "flag_meanings", "")).replace(",", " ").split()
    if values is None:
        return dict(_CERSAT) if variable.name == "quality_flag" else {}
    numbers = np.atleast_1d(values).tolist()
    if isinstance(values, str):
        numbers = [float(item.rstrip("bBsS")) for item in values.replace(",", " ").split()]
    if len(words) != len(numbers):
        words = ["flag"] * len(numbers)
    return {number: word.replace("_", " ") for number, word in zip(numbers, words, strict=True)}


def are_bits(variable: Any) -> bool:
    """Say whether several flags of a variable may be set at once."""
    return hasattr(variable, "flag_masks") or (
        variable.name == "quality_flag" and not hasattr(variable, "flag_values")
    )


def named(variable: Any, values: NDArray[np.integer[Any]]) -> dict[int, str]:
    """Return what values of a flag variable mean; bits that are set together are joined by +."""
    texts = meanings(variable)
    if not are_bits(variable):
        return texts
    return {
        value: " + ".join(text for bit, text in texts.items() if value & int(bit))
        for value in np.unique(values).tolist()
    }


def flagged(
    variable: Any, values: NDArray[np.integer[Any]]
) -> Iterator[tuple[int, str, NDArray[np.bool_]]]:
    """Yield each flag of a variable, what it means, and where it is set.

    Args:
        values: The variable's values, (H, W).
    """
    bits = are_bits(variable)
    for flag, text in meanings(variable).items():
        number = int(flag)
        yield number, text, (values & number) != 0 if bits else values == number
