"""The results of a configuration: means over seeds, their spread, a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evaluation.fit_diagnosis import FitDiagnosis, diagnose
from ..evaluation.scene_scores import NETWORK
from .runs import TEST, TRAINING, VALIDATION, SweepRun


@dataclass(frozen=True)
class Spread:
    """Several seeds' values of one figure.

    Attributes:
        mean: Their mean.
        deviation: Their standard deviation; None for a single one.
        low: The lowest.
        high: The highest.
    """

    mean: float
    deviation: float | None
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the spread of values; None where there are none."""
        if not values:
            return None
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(float(np.mean(values)), deviation, min(values), max(values))


@dataclass(frozen=True)
class Summary:
    """A configuration over its seeds.

    Attributes:
        network: The network's id.
        size: Filters and depth in words.
        regularisation: Its name.
        runs: Its runs that did not fail.
        errors: Why others did not.
        parameters: Trained numbers.
        seconds: Mean time of a run.
        best_epoch: Epochs that were kept.
        epochs: Most epochs trained.
        training_loss: By epoch, mean over the seeds.
        validation_loss: By epoch, mean over the seeds.
        validation_low: By epoch, lowest.
        validation_high: By epoch, highest.
        rmse_percent: By part.
        diagnosis: Of the means over the seeds; None where all failed.
    """

    network: str
    size: str
    regularisation: str
    runs: tuple[SweepRun, ...]
    errors: tuple[str, ...]
    parameters: int
    seconds: Spread | None
    best_epoch: Spread | None
    epochs: int
    training_loss: NDArray[np.float64]
    validation_loss: NDArray[np.float64]
    validation_low: NDArray[np.float64]
    validation_high: NDArray[np.float64]
    rmse_percent: dict[str, Spread]
    diagnosis: FitDiagnosis | None

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.network} {self.size}, {self.regularisation}"

    @property
    def zero_share(self) -> float | None:
        """Mean share of weights driven to zero."""
        shares = [run.zero_share for run in self.runs if run.zero_share is not None]
        return float(np.mean(shares)) if shares else None

    def rmse_on_cells(self, part: str) -> float | None:
        """Return the mean RMSE in percent on a part's cells, which `baselines` are scored on."""
        known = [run.baselines[part][NETWORK] for run in self.runs if run.baselines.get(part)]
        return float(np.mean(known)) if known else None


def summarise(runs: Sequence[SweepRun]) -> list[Summary]:
    """Return the configurations of runs, in the order of their first runs."""
    groups: dict[str, list[SweepRun]] = {}
    for run in runs:
        groups.setdefault(run.configuration, []).append(run)
    return [_summary(group) for group in groups.values()]


def baselines(runs: Sequence[SweepRun], part: str) -> dict[str, float]:
    """Return the RMSE in percent of the baselines on a part's cells.

    They are fitted to the same cells in every run, so that any run's are those of all.
    """
    known = next((run.baselines[part] for run in runs if run.baselines.get(part)), {})
    return {name: value for name, value in known.items() if name != NETWORK}


def not_beating_baselines(summaries: Sequence[Summary], part: str) -> list[str]:
    """Return the configurations whose mean RMSE on a part is no lower than every baseline's."""
    found = []
    for one in summaries:
        own, others = one.rmse_on_cells(part), baselines(one.runs, part)
        if own is not None and others and own >= min(others.values()):
            found.append(one.name)
    return found


def _summary(group: Sequence[SweepRun]) -> Summary:
    done = [run for run in group if not run.error]
    rmse = {}
    for part in (TRAINING, VALIDATION, TEST):
        spread = Spread.of([t.rmse_percent[part] for t in done if part in t.rmse_percent])
        if spread:
            rmse[part] = spread
    training = _by_epoch([run.training_loss for run in done])
    validation = _by_epoch([run.validation_loss for run in done])
    linear = baselines(done, VALIDATION).get("linear")
    found = None
    if done:
        found = diagnose(
            np.nanmean(training, 0).tolist(),
            np.nanmean(validation, 0).tolist(),
            rmse[TRAINING].mean if TRAINING in rmse else None,
            rmse[VALIDATION].mean if VALIDATION in rmse else None,
            linear,
        )
    first = group[0]
    return Summary(
        first.network,
        first.size,
        first.regularisation,
        tuple(done),
        tuple(dict.fromkeys(run.error for run in group if run.error)),
        first.parameters,
        Spread.of([run.seconds for run in done]),
        Spread.of([float(run.best_epoch) for run in done]),
        training.shape[1],
        np.nanmean(training, 0) if done else np.zeros(0),
        np.nanmean(validation, 0) if done else np.zeros(0),
        np.nanmin(validation, 0) if done else np.zeros(0),
        np.nanmax(validation, 0) if done else np.zeros(0),
        rmse,
        found,
    )


def _by_epoch(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return curves as rows, NaN behind those that stopped early; (N, epochs)."""
    longest = max((len(curve) for curve in curves), default=0)
    rows = np.full((len(curves), longest), np.nan)
    for row, curve in zip(rows, curves, strict=True):
        row[: len(curve)] = curve
    return rows
