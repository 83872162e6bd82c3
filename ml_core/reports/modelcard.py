"""What a page shows of a model card beside the facts of ``modelcard.html``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any  # the card holds JSON

from ..checkpoint import ModelCard
from ..datasets.provenance import KnownScenes, summary
from ..prediction.calibration import Calibration

_LONGEST = 12
"""Values of a list that are shown."""


def calibration(card: ModelCard) -> Calibration | None:
    """Return the calibration of the uncertainty; None without one."""
    return Calibration.from_dict(card.calibration) if card.calibration else None


def acquired(card: ModelCard) -> dict[str, list[str]]:
    """Return what the training's scenes were made from: label and all different values."""
    return summary(KnownScenes.of_training(card.training, "").acquisitions)


def validated(card: ModelCard) -> str:
    """Return in words which network the error of a model card is of."""
    rmse = (card.metrics.get("validation") or {}).get("rmse_percent")
    if rmse is None:
        return "by nothing: no part was held out"
    error = f"RMSE {rmse:.1f} % SIC"
    if card.training.get("fitted_again_on_everything"):
        return (
            f"{error}, of the network before the refit; the network in the file was then fitted"
            " again on all data, so that nothing is left to validate it"
        )
    if card.metrics.get("folds_rmse_percent"):
        return (
            f"{error}, of the networks of all folds; the network in the file is that of the fold"
            " with the lowest error"
        )
    return f"{error}, of the network in the file"


def settings(card: ModelCard) -> list[tuple[str, Any]]:
    """Return the parameters of the training by name."""
    return [
        (str(name), ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value)
        for name, value in card.training.get("parameters", {}).items()
    ]


def sections(card: ModelCard) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Return the parts of a card in full that have values: title and lines."""
    parts = {
        "Metrics": card.metrics,
        "Training": card.training,
        "Split": card.split,
        "Calibration of the uncertainty": card.calibration or {},
    }
    return [(title, lines(values)) for title, values in parts.items() if values]


def lines(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return nested values as lines, a dotted name each; long lists are cut."""
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += [(f"{name}.{inner}", item) for inner, item in lines(value)]
        elif isinstance(value, (list, tuple)):
            shown = json.dumps(list(value[:_LONGEST]), ensure_ascii=False)[1:-1]
            more = f" … {len(value)} in all" if len(value) > _LONGEST else ""
            found.append((name, shown + more))
        else:
            found.append((name, value))
    return found
