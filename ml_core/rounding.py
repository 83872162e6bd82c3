"""Rounding to multiples."""

from __future__ import annotations


def rounded_up(value: int, multiple: int) -> int:
    """Return the least multiple that is not below a value."""
    return -(-value // multiple) * multiple
