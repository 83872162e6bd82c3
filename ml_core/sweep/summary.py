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


class Summary:
    """A configuration over its seeds.

    Args:
        runs: All its runs, at least one.

    Attributes:
        name: What reports call it.
        network: The network's id.
        size: Filters and depth in words.
        regularisation: Its settings in words.
        parameters: Trained numbers.
        runs: Those that did not fail.
        errors: Why others did.
        seconds: Time of a run.
        best_epoch: Epochs that were kept.
        epochs: Most epochs trained.
        training_loss: By epoch, mean over the seeds; as the next three empty where all failed.
        validation_loss: By epoch, mean over the seeds.
        validation_low: By epoch, lowest.
        validation_high: By epoch, highest.
        rmse_percent: By part.
        diagnosis: Of the means over the seeds; None where all failed.
    """

    def __init__(self, runs: Sequence[SweepRun]) -> None:
        first, done = runs[0], [run for run in runs if not run.error]
        self.name = first.configuration
        self.network, self.size = first.network, first.size
        self.regularisation = first.regularisation
        self.parameters = first.parameters
        self.runs = done
        self.errors = list(dict.fromkeys(run.error for run in runs if run.error))
        self.seconds = Spread.of([run.seconds for run in done])
        self.best_epoch = Spread.of([float(run.best_epoch) for run in done])
        training = _by_epoch([run.training_loss for run in done])
        validation = _by_epoch([run.validation_loss for run in done])
        self.epochs = training.shape[1]
        self.training_loss = np.nanmean(training, 0)
        self.validation_loss = np.nanmean(validation, 0)
        self.validation_low = np.nanmin(validation, 0)
        self.validation_high = np.nanmax(validation, 0)
        self.rmse_percent = {
            part: spread
            for part in (TRAINING, VALIDATION, TEST)
            if (spread := Spread.of([r.rmse_percent[part] for r in done if part in r.rmse_percent]))
        }
        self.diagnosis = self._diagnosis() if done else None

    def _diagnosis(self) -> FitDiagnosis:
        training, validation = (self.rmse_percent.get(part) for part in (TRAINING, VALIDATION))
        return diagnose(
            self.training_loss.tolist(),
            self.validation_loss.tolist(),
            training.mean if training else None,
            validation.mean if validation else None,
            baselines(self.runs, VALIDATION).get("linear"),
        )

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
    return [Summary(group) for group in groups.values()]


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


def _by_epoch(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return curves as rows, NaN behind those that stopped early; (N, epochs), N >= 1."""
    longest = max((len(curve) for curve in curves), default=0)
    rows = np.full((max(len(curves), 1), longest), np.nan)
    for row, curve in zip(rows, curves, strict=False):
        row[: len(curve)] = curve
    return rows
