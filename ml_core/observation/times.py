"""When a scene was acquired and when its reference was observed, and how far these are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from ..errors import SeaIceError
from ..events import Reporter
from ..jobs.inputs import ReferenceInputs

NOTABLE_H: Final = 6.0
"""Fast drift, 0.5 m/s, crosses a radiometer's footprint of some 10 km in it."""

FAR_H: Final[float] = ReferenceInputs.default("max_hours_apart")
"""Ordinary drift, 0.1 m/s, does so in a day: the reference then is of other ice everywhere."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """The time that values speak for, UTC; a moment where start and stop are the same."""

    start: datetime
    stop: datetime

    @classmethod
    def parse(cls, text: str) -> Period | None:
        """Return the period in an ISO 8601 text; None where there is none.

        Args:
            text: A time, UTC where it names no zone, a day, or two of them with a / between. A day
                is meant whole: ``2024-03-01/2024-03-02`` lasts 48 h.
        """
        first, _, last = text.strip().partition("/")
        try:
            start, stop = _moment(first), _moment(last or first)
            is_day = not {"T", " "} & set(last or first)
            return cls(start, stop + is_day * _DAY) if start <= stop else None
        except (ValueError, OverflowError):
            return None

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Period | None:
        """Return the period that a file's tags give: of a product's acquisition, or of a date."""
        start = tags.get("SEAICE_START") or tags.get("SEAICE_DATE", "")
        stop = tags.get("SEAICE_STOP", "") if "SEAICE_START" in tags else ""
        return cls.parse(f"{start}/{stop}") or cls.parse(start)

    @property
    def length(self) -> timedelta:
        """From start to stop."""
        return self.stop - self.start

    def __str__(self) -> str:
        """Return days where the period consists of them, else minutes."""
        if self.length < timedelta(hours=1):
            return f"{self.start:%Y-%m-%d %H:%M}"
        days = all(f"{moment:%H%M%S}" == "000000" for moment in (self.start, self.stop))
        style = "%Y-%m-%d" if days else "%Y-%m-%d %H:%M"
        first, last = (f"{m:{style}}" for m in (self.start, self.stop - days * _DAY))
        return first if first == last else f"{first} to {last}"


def hours_apart(first: Period, second: Period) -> float:
    """Return the hours from a period to another, negative where the other is earlier.

    A daily product speaks for each time of its day: it is 0 h from a scene of that day, and else as
    far as the nearer end of the day. Of a longer mean no more than a day is granted: the values of
    a month are some 30 days from each scene of the month, which shows one of its days.
    """
    whole = max(first.stop, second.stop) - min(first.start, second.start)
    apart = whole - min(first.length, _DAY) - min(second.length, _DAY)
    hours = max(0.0, round(apart.total_seconds() / 3600, 2))
    earlier = second.start + second.length / 2 < first.start + first.length / 2
    return -hours if earlier and hours else hours


@dataclass(frozen=True)
class TimeDifference:
    """How far a scene, or a map made of it, and a reference are apart in time.

    Attributes:
        hours: From the scene to the reference; None where a time is not known.
        text: What there is to say of it.
    """

    hours: float | None
    text: str

    @classmethod
    def between(
        cls, scene: str, tags: Mapping[str, str], reference: str, date: str
    ) -> TimeDifference:
        """Compare a scene with a reference.

        Args:
            scene: What messages call the scene.
            tags: Of its file.
            reference: What messages call the reference.
            date: Its day, time or period, ISO 8601; empty where it is not known.
        """
        acquired, observed = Period.of_tags(tags), Period.parse(date)
        if acquired is None or observed is None:
            both = ((scene, acquired), (reference, observed))
            unknown = " and ".join(name for name, period in both if period is None)
            return cls(
                None,
                f"The time of {unknown} is unknown: whether scene and reference are of the same"
                " time is not checked",
            )
        hours = hours_apart(acquired, observed)
        return cls(
            hours,
            f"{scene} is of {acquired}, {reference} of {observed}: {abs(hours):.1f} h apart, in"
            " which ice drifts, so that they show different ice",
        )

    @property
    def is_notable(self) -> bool:
        """Whether the times are known to be apart so far that it matters somewhere."""
        return abs(self.hours or 0) >= NOTABLE_H

    def check(self, most_h: float) -> TimeDifference:
        """Return itself where it is small enough, or not known.

        Args:
            most_h: The largest difference that is allowed.

        Raises:
            SeaIceError: It is larger.
        """
        if abs(self.hours or 0) > most_h:
            raise SeaIceError(
                f"{self.text}. Give the reference of the scene's time, or a Largest time difference"
                f" of more than {most_h:g} h"
            )
        return self

    def log(self, report: Reporter) -> None:
        """Warn of a notable difference, and note one that is not known."""
        if self.hours is None:
            report.info(self.text)
        elif self.is_notable:
            report.warning(self.text)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
