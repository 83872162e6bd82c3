"""Classes of SIC: their bounds, their labels, and the SIC that class probabilities stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SeaIceError
from ..jobs.network import NetworkInputs


@dataclass(frozen=True)
class SicClasses:
    """Classes that share the range of SIC, 0-100 %, in increasing order.

    Attributes:
        bounds_percent: The bounds between the classes; a value on a bound belongs to the class
            above it.
        values_percent: The SIC that each class stands for: one more than there are bounds.
        labels: What maps and reports call each class.
    """

    bounds_percent: tuple[float, ...]
    values_percent: tuple[float, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            SeaIceError: They do not increase, or lie outside 0-100 %.
        """
        for name in ("bounds_percent", "values_percent"):
            object.__setattr__(self, name, tuple(float(v) for v in getattr(self, name)))
        object.__setattr__(self, "labels", tuple(str(label) for label in self.labels))
        bounds = self.bounds_percent
        shown = ", ".join(f"{bound:g}" for bound in bounds)
        if not bounds:
            raise SeaIceError("class bounds: none given; give at least one, such as 15")
        if all(0 <= bound <= 1 for bound in bounds) and bounds != (1,):
            raise SeaIceError(
                f"class bounds {shown}: they look like fractions; give percent, such as 15"
            )
        if not all(math.isfinite(bound) and 0 < bound < 100 for bound in bounds):
            raise SeaIceError(
                f"class bounds {shown}: each must lie between 0 and 100 %, the outer bounds 0 and"
                " 100 are left out"
            )
        if any(low >= high for low, high in zip(bounds, bounds[1:])):
            raise SeaIceError(f"class bounds {shown}: they must increase from one to the next")
        if not len(self.values_percent) == len(self.labels) == self.count:
            raise SeaIceError(
                f"{len(bounds)} class bounds make {self.count} classes, but there are"
                f" {len(self.values_percent)} values and {len(self.labels)} labels"
            )

    @classmethod
    def tenths(cls) -> SicClasses:
        """Return 11 classes of 10 %, the tenths of ice charts and of the AI4Arctic challenge.

        Class k holds what rounds to k tenths: 0 up to 5 %, 10 from 5 to 15 %, …, 100 from 95 %.
        """
        values = tuple(float(10 * tenth) for tenth in range(11))
        bounds = tuple(value + 5 for value in values[:-1])
        return cls(bounds, values, tuple(f"{value:g} %" for value in values))

    @classmethod
    def between(cls, bounds_percent: Sequence[float]) -> SicClasses:
        """Return the classes between the analyst's bounds; each stands for the middle of its range.

        One bound makes the two classes water and ice.

        Raises:
            SeaIceError: The bounds do not increase, or lie outside 0-100 %.
        """
        edges = (0.0, *(float(bound) for bound in bounds_percent), 100.0)
        ranges = list(zip(edges, edges[1:]))
        labels = tuple(f"{low:g}-{high:g} %" for low, high in ranges)
        if len(ranges) == 2:
            labels = (f"water, below {edges[1]:g} %", f"ice, {edges[1]:g} % and more")
        return cls(edges[1:-1], tuple((low + high) / 2 for low, high in ranges), labels)

    @classmethod
    def from_job(cls, job: NetworkInputs) -> SicClasses | None:
        """Return the classes that a job's parameters ask for; None for a regression.

        Raises:
            SeaIceError: The class bounds are wrong, or given for a regression.
        """
        if job.task != "classes":
            if job.class_bounds:
                raise SeaIceError(
                    f"class bounds are given, but the task is {job.task}; choose the task classes,"
                    " or leave the class bounds empty"
                )
            return None
        return cls.between(job.class_bounds) if job.class_bounds else cls.tenths()

    @property
    def count(self) -> int:
        """How many classes there are."""
        return len(self.bounds_percent) + 1

    def of(self, sic_percent: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return the class of each value, counted from 0; -1 where there is none (NaN)."""
        found = np.digitize(sic_percent, self.bounds_percent)
        return np.where(np.isnan(sic_percent), -1, found).astype(np.int64)

    def expected_percent(
        self, probabilities: NDArray[np.floating[Any]]
    ) -> NDArray[np.floating[Any]]:
        """Return the expected SIC, the sum over the classes of probability times the class's value.

        Args:
            probabilities: Of each class, summing to 1; (…, K, H, W).

        Returns:
            SIC in percent, (…, H, W).
        """
        values = np.asarray(self.values_percent, probabilities.dtype)
        result: NDArray[np.floating[Any]] = np.einsum("...khw,k->...hw", probabilities, values)
        return result

    def counts(self, sic_percent: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return how many of the values (not NaN) are in each class, (K,)."""
        found = self.of(sic_percent)
        return np.bincount(found[found >= 0], minlength=self.count).astype(np.int64)

    def check_filled(self, counts: NDArray[np.integer[Any]]) -> None:
        """Check that a network can learn every class.

        Args:
            counts: Training values in each class, (K,).

        Raises:
            SeaIceError: A class has none.
        """
        empty = [label for label, count in zip(self.labels, counts) if count == 0]
        if empty:
            listed = ", ".join(f"{label}: {count}" for label, count in zip(self.labels, counts))
            raise SeaIceError(
                f"no training value of the reference is in class {'; '.join(empty)}, which a"
                f" network can therefore not learn. Values by class: {listed}. Choose other"
                " class bounds or another reference"
            )

    def inverse_frequency(self, counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return class weights that make every class count the same, with a mean of 1 per value.

        Args:
            counts: Training values in each class, (K,); an empty class gets the weight 0.
        """
        filled = counts > 0
        weights = np.zeros(len(counts))
        weights[filled] = counts.sum() / (filled.sum() * counts[filled])
        return weights

    def to_dict(self) -> dict[str, Any]:
        """Return the classes as a model card holds them."""
        return {name: list(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SicClasses:
        """Return the classes that `to_dict` gave.

        Raises:
            SeaIceError: Something is missing or wrong.
        """
        try:
            return cls(*(tuple(values[name]) for name in cls.__dataclass_fields__))
        except (KeyError, TypeError, ValueError) as error:
            raise SeaIceError(f"the model card's classes are wrong: {error!r}") from error
