"""Total concentration (CT) in SIGRID-3 and what it means in percent."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Concentration:
    """A code's meaning, in percent.

    Attributes:
        low: Lowest SIC that the code means.
        high: Highest.
        value: The SIC it is mapped as.
    """

    low: float
    high: float
    value: float


UNKNOWN = frozenset({-9, 99})
"""No value given, and undetermined."""


def _table() -> dict[int, Concentration]:
    """Return the codes of SIGRID-3, version 3.0 (WMO/TD-No. 1214, JCOMM TR-23, 2014)."""
    codes = {
        0: Concentration(0, 0, 0),  # ice free
        # open water, less than a tenth, and mostly nothing: charts draw it around the ice edge
        1: Concentration(0, 10, 0),
        2: Concentration(0, 0, 0),  # bergy water
        55: Concentration(0, 0, 0),  # ice free
        91: Concentration(90, 100, 95),  # 9+/10
        92: Concentration(100, 100, 100),  # 10/10
        81: Concentration(80, 100, 90),  # 8/10-10/10
    }
    for tenth in range(1, 10):
        percent = 10.0 * tenth
        codes[10 * tenth] = Concentration(percent, percent, percent)
        # two digits that rise by one or two are a range: 12 is 1/10-2/10, 79 is 7/10-9/10
        for last in (tenth + 1, tenth + 2):
            if last <= 9:
                high = 10.0 * last
                codes[10 * tenth + last] = Concentration(percent, high, (percent + high) / 2)
    return codes


CODES = _table()
"""Meanings by code."""

AI4ARCTIC = {91: 100.0}
"""Where the classes of AI4Arctic's data (Buus-Hinkler et al. 2022) differ: tens of percent."""


def parse(value: object) -> int | None:
    """Return the code in a field's value, or None where there is none that is a number.

    Args:
        value: Text such as ``"91"``, ``" 01"`` or ``"-9"``, a number, or nothing.
    """
    if value is None:
        return None
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if abs(number) < 1e6 and number == int(number) else None


def percent(code: int, convention: str) -> Concentration | None:
    """Return a code's meaning, or None for a code that SIGRID-3 does not have.

    Args:
        code: The code.
        convention: ``middle`` or ``ai4arctic``.
    """
    meaning = CODES.get(code)
    if meaning is not None and convention == "ai4arctic" and code in AI4ARCTIC:
        return replace(meaning, value=AI4ARCTIC[code])
    return meaning
