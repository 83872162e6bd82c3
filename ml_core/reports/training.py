"""The report of `train`: curves, split, errors and model card of a fitted network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..checkpoint import ModelCard
from ..evaluation.baselines import LABELS
from ..evaluation.metrics import Density, Scores
from . import colours, modelcard, openwater, page
from .charts import Mark, Series, curves, density
from .figures import Picture
from .maps import Panel, maps
from .openwater import OpenWater
from .tables import Column, Table, text

_ROLES: Final = (
    ("left out", "#f1d7c3"),
    ("training", "#9ecae1"),
    ("validation", "#d1600a"),
    ("buffer", "#b9b9b9"),
)


@dataclass(frozen=True)
class Curve:
    """The losses of a fit by epoch, in the unit of the report.

    Attributes:
        training: Mean data loss of each epoch's chips.
        validation: Data loss on the validation part; None where there was none.
        penalty: L2 and L1 terms.
        best: The epoch that was kept, from 1.
        first_candidate: The first epoch after the learning rate had come down.
    """

    training: list[float]
    validation: list[float | None]
    penalty: list[float]
    best: int
    first_candidate: int


@dataclass(frozen=True)
class Fold:
    """One part of a cross-validation.

    Attributes:
        curve: Its losses.
        training_rmse: On its training part, in percent.
        validation_rmse: On the part that validated, in percent.
        footprints: Independent footprints of that part.
    """

    curve: Curve
    training_rmse: float | None
    validation_rmse: float | None
    footprints: float


@dataclass(frozen=True)
class TrainingView:
    """What the report shows of a training.

    Attributes:
        title: What was trained on.
        card: The model card.
        loss_label: What the data loss is called.
        loss_unit: Its unit.
        curve: Of the fit that was validated.
        second: Of the fit on everything; None where there was none.
        training: Errors on the training part.
        validation: Errors on the validation part; None without one.
        density: How often which SIC was predicted for which on the validation part.
        baselines: RMSE in percent of ``network`` and of baselines on the validation part's cells.
        footprints: Independent footprints of the validation part.
        hh_db: HH, thinned (h, w).
        sic_percent: The reference, thinned likewise.
        roles: Parts of the split, thinned likewise: 0 left out, 1 training, 2 validation, 3 buffer;
            NaN without a reference.
        predicted_percent: Prediction of the validated fit in the validation blocks, by cells; NaN
            elsewhere.
        reference_cells: The reference by cells.
        pixel_size_m: Ground size (height, width) of a thinned pixel.
        cell_size_m: Ground size (height, width) of a cell.
        folds: Of a cross-validation; the scores are then those of all folds together, the curve
            that of the best, and the roles the folds' numbers from 0.
        verdict: A plain word on the fit, the numbers behind it, and the notice's kind.
        warnings: What the analyst should look at.
        scenes: Errors by scene of a training set; the maps then show one of them.
        held_out: What the validation part is called.
        everything: What the fit on everything is on.
        water: What the network makes of a scene of open water; None where none was given.
        footprint_means: Whether errors are those of means over the reference's footprint.
    """

    title: str
    card: ModelCard
    loss_label: str
    loss_unit: str
    curve: Curve
    second: Curve | None
    training: Scores
    validation: Scores | None
    density: Density | None
    baselines: dict[str, float]
    footprints: float
    hh_db: NDArray[np.floating]
    sic_percent: NDArray[np.floating]
    roles: NDArray[np.floating]
    predicted_percent: NDArray[np.floating]
    reference_cells: NDArray[np.floating]
    pixel_size_m: tuple[float, float]
    cell_size_m: tuple[float, float]
    verdict: tuple[str, str, str]
    folds: tuple[Fold, ...] = ()
    warnings: tuple[str, ...] = field(default_factory=tuple)
    scenes: Table | None = None
    held_out: str = "validation blocks"
    everything: str = "the whole scene"
    water: OpenWater | None = None
    footprint_means: bool = False


def write(path: str, view: TrainingView) -> None:
    """Write the report as one HTML file."""
    page.render(
        "training.html",
        path,
        view=view,
        tiles=_tiles(view),
        curves=_curves(view),
        split=_split_map(view),
        maps=_maps(view),
        scatter=_scatter(view),
        errors=_errors(view),
        baselines=_baselines(view),
        folds=_folds(view),
        water_map=openwater.picture(view.water) if view.water else None,
        water_table=openwater.table(view.water) if view.water else None,
        settings=modelcard.settings(view.card),
        card=modelcard.rows(view.card),
    )


def _tiles(view: TrainingView) -> list[tuple[str, str, str, str]]:
    tiles = [
        (
            "RMSE of cross-validation" if view.folds else f"RMSE on the {view.held_out}",
            text(view.validation.rmse_percent if view.validation else None, 1),
            "% SIC",
            f"{view.footprints:.1f} independent footprints" if view.validation else "none kept",
        ),
        ("RMSE on the training part", text(view.training.rmse_percent, 1), "% SIC", ""),
        ("Best epoch", str(view.curve.best), "", f"of {len(view.curve.training)}"),
    ]
    if "linear" in view.baselines:
        parts = view.held_out.split()[-1]
        tiles.append(
            (f"Linear regression, same {parts}", text(view.baselines["linear"], 1), "% SIC", "")
        )
    return tiles


def _curves(view: TrainingView) -> list[Picture]:
    epochs = np.arange(1, len(view.curve.training) + 1)
    series = [Series("training, as fitted (dropout on)", epochs, view.curve.training, marker="o")]
    known = [np.nan if value is None else value for value in view.curve.validation]
    if np.isfinite(known).any():
        series.append(Series("validation", epochs, known, marker="o"))
    for number, fold in enumerate(view.folds, 1):
        values = [np.nan if value is None else value for value in fold.curve.validation]
        numbers = np.arange(1, len(values) + 1)
        series.append(Series(f"validation, fold {number}", numbers, values, line="-."))
    if view.second:
        again = np.arange(1, len(view.second.training) + 1)
        series.append(
            Series("training, fitted again on everything", again, view.second.training, line=":")
        )
    if max(view.curve.penalty) > 0:
        series.append(Series("L2 and L1 terms", epochs, view.curve.penalty, line="--"))
    best = (
        [Mark(view.curve.best, f"best epoch, {view.curve.best}")]
        if view.curve.validation[0] is not None
        else []
    )
    return [
        curves(
            series,
            x_label="Epoch",
            y_label=f"{view.loss_label.capitalize()} [{view.loss_unit}]",
            alt="Loss curves of training and validation by epoch",
            caption=(
                "Data loss by epoch, and the penalty on the weights apart from it. The best epoch"
                f" is looked for from epoch {view.curve.first_candidate} on, once the learning rate"
                " has come down."
            ),
            log_y=True,
            marks=best,
        )
    ]


def _split_map(view: TrainingView) -> Picture:
    names: tuple[tuple[str, str], ...] = _ROLES
    if view.folds:
        names = tuple(
            (f"fold {number + 1}", colours.SERIES[number % len(colours.SERIES)])
            for number in range(len(view.folds))
        )
    roles = colours.categories("Part", names)
    # data are left out only where a fraction of them was asked for; whole scenes need no buffer
    legend = tuple(name for number, name in enumerate(names) if (view.roles == number).any())
    return maps(
        [
            Panel(view.hh_db, "HH", _grey(view.hh_db)),
            Panel(view.sic_percent, "Reference", colours.sic()),
            Panel(view.roles, "Split", roles, legend=legend),
        ],
        view.pixel_size_m,
        alt="Maps of HH, the reference and the parts of the split",
        caption=(
            "Whole scenes train or validate; which does what, the table of errors by scene tells."
            if view.scenes
            else "Each fold validates once, while the others train; what lies within a buffer of it"
            " is left out of both."
            if view.folds
            else f"The network learns from the training part and is judged on the {view.held_out};"
            " in the buffer between them the reference is left out of both."
        ),
    )


def _maps(view: TrainingView) -> Picture | None:
    if view.validation is None:
        return None
    predicted = view.predicted_percent
    known = np.where(np.isfinite(predicted), view.reference_cells, np.nan)
    limit = max(5.0, float(np.nanmax(np.abs(predicted - known))))
    return maps(
        [
            Panel(known, f"Reference, {view.held_out}", colours.sic()),
            Panel(predicted, "Predicted there", colours.sic()),
            Panel(predicted - known, "Predicted minus reference", colours.difference(limit)),
        ],
        view.cell_size_m,
        alt=f"Maps of reference, prediction and their difference in the {view.held_out}",
        caption="By cells of about a quarter of the footprint; nothing here was learnt from.",
    )


def _grey(values_db: NDArray[np.floating]) -> colours.Scale:
    low, high = np.nanquantile(values_db, (0.02, 0.98))
    return colours.backscatter("sigma0 [dB]", float(low), float(high))


def _scatter(view: TrainingView) -> Picture | None:
    if view.density is None:
        return None
    return density(
        view.density.counts,
        view.density.edges,
        view.density.edges,
        x_label="Reference SIC [%]",
        y_label="Predicted SIC [%]",
        alt=f"Density of predicted against reference SIC on the {view.held_out}",
        caption=f"Reference pixels of the {view.held_out}.",
    )


def _errors(view: TrainingView) -> Table:
    columns = (
        Column("Part"),
        Column("RMSE", "% SIC", 2),
        Column("MAE", "% SIC", 2),
        Column("Bias", "% SIC", 2),
        Column("R²", decimals=3),
        Column("Reference pixels"),
    )
    rows = [
        (name, s.rmse_percent, s.mae_percent, s.bias_percent, s.r2, s.count)
        for name, s in (("Training", view.training), ("Validation", view.validation))
        if s is not None
    ]
    note = "Each reference pixel at the network's grid counts once"
    if view.footprint_means:
        note = (
            "The network's mean over the reference's footprint, of what was judged, is compared"
            " with the reference, which is what it was fitted to; each pixel counts once"
        )
    if view.folds:
        note += ", on training once for each fold that it trains in"
    note += "; SIC is clipped to 0-100 %."
    if view.validation and view.validation.r2 is None:
        note += f" R² of validation is withheld: {view.validation.r2_withheld}."
    return Table(columns, rows, caption="Errors of the fit that was validated", note=note)


def _baselines(view: TrainingView) -> Table | None:
    if not view.baselines:
        return None
    names = {**LABELS, "network": "this network"}
    ordered = sorted(view.baselines.items(), key=lambda item: item[1])
    return Table(
        (Column("Predictor"), Column("RMSE", "% SIC", 2)),
        [(names.get(name, name), rmse) for name, rmse in ordered],
        caption=f"Beside baselines, on the {view.held_out}",
        note=(
            "All on the same cells, means over about a quarter of the footprint. The baselines"
            " learn from the training part; those of position know no backscatter at all."
            + " The network's map is averaged over the footprint."
            * view.footprint_means
        ),
        strong=frozenset(i for i, (name, _) in enumerate(ordered) if name == "network"),
    )


def _folds(view: TrainingView) -> Table | None:
    if not view.folds:
        return None
    values = [f.validation_rmse for f in view.folds if f.validation_rmse is not None]
    note = ""
    if len(values) > 1:
        note = (
            f"Mean {np.mean(values):.1f} %, standard deviation {np.std(values, ddof=1):.1f} %,"
            f" {min(values):.1f} to {max(values):.1f} %: what the error depends on where it is"
            " measured."
        )
    return Table(
        (
            Column("Fold"),
            Column("RMSE on validation", "% SIC", 2),
            Column("RMSE on training", "% SIC", 2),
            Column("Best epoch"),
            Column("Independent footprints", decimals=1),
        ),
        [
            (number, f.validation_rmse, f.training_rmse, f.curve.best, f.footprints)
            for number, f in enumerate(view.folds, 1)
        ],
        caption="Cross-validation",
        note=note,
    )
