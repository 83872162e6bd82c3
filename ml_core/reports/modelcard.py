"""The model card on a page: what a network is, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any  # the card holds JSON

from ..checkpoint import ModelCard
from ..prediction.calibration import Calibration

_LONGEST = 12
"""Values of a list that are shown."""


def settings(card: ModelCard) -> list[tuple[str, Any]]:
    """Return the parameters of the training by name."""
    return [
        (str(name), ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value)
        for name, value in card.training.get("parameters", {}).items()
    ]


def rows(card: ModelCard) -> list[tuple[str, Any]]:
    """Return what a fitted network is and how it was made, label and value."""
    channels = zip(card.channels, card.mean, card.std, strict=True)
    split, training = card.split, card.training
    return [
        ("Inputs", "; ".join(f"{k}: {v}" for k, v in training.get("inputs", {}).items())),
        ("Network", "; ".join(f"{k} {v}" for k, v in card.network.items() if v is not None)),
        ("Task", card.task),
        *([("Classes", "; ".join(card.classes["labels"]))] if card.classes else []),
        (
            "Channels (mean, standard deviation)",
            "; ".join(f"{name} {mean:.2f}, {std:.2f}" for name, mean, std in channels),
        ),
        ("Resolution", f"{card.resolution_m:.4g} m"),
        ("Footprint of the reference", f"{card.footprint_m or 0:.4g} m"),
        *([("Buffer", f"{split['buffer_m']:.4g} m")] if "buffer_m" in split else []),
        ("Steps", training.get("steps")),
        ("Refit on the full data", training.get("fitted_again_on_everything")),
        ("Seed", training.get("seed")),
        ("Device", f"{training.get('device')}, {training.get('precision')}"),
        ("Seconds of fitting", training.get("seconds")),
        *_zero_weights(card),
        ("Uncertainty", _uncertainty(card)),
        ("Versions", "; ".join(f"{k} {v}" for k, v in card.versions.items())),
        ("Created", card.created),
        ("Format version", card.format_version),
    ]


def _uncertainty(card: ModelCard) -> str:
    """Return how the uncertainty was calibrated, in a sentence."""
    found = card.calibration
    if found is None:
        return "not calibrated: no validation part, or no dropout to draw networks by"
    held_out, parts = found.get("coverage_of_blocks_left_out"), found.get("held_out", "blocks")
    after = (
        f"one {parts[:-1]} only, so that none could be left out to check it"
        if held_out is None
        else f"{100 * held_out:.0f} % of {parts} left out of the calibration after it, so that the"
        f" interval was made {found.get('widened', 1.0):.2f} times as wide to hold 90 % of them"
    )
    floors = found.get("floors_percent") or [found["floor_percent"]]
    where = (
        f"{floors[0]:.1f} %"
        if len(floors) == 1
        else f"{', '.join(f'{floor:.1f}' for floor in floors)} % (at SIC of 0 to 100 %, evenly)"
    )
    return (
        f"{found['networks']} networks by {found['method']}; the 90 % interval of means over a"
        f" footprint held {100 * found['coverage_before']:.0f} % of the validation cells before"
        f" calibration and {after} ({found['footprints']:.0f} independent footprints); spread times"
        f" {found['scale']:.2f}, and {where} where all networks agree"
        + Calibration.from_dict(found).note
    )


def _zero_weights(card: ModelCard) -> list[tuple[str, Any]]:
    """Return how many weights the penalties drove to zero, where the card has it."""
    zeros = card.metrics.get("zero_weights")
    if not isinstance(zeros, dict) or zeros.get("share") is None:
        return []
    label = f"Convolution and dense weights driven to zero (below {zeros['below']:g})"
    return [(label, f"{100 * zeros['share']:.1f} %")]


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
