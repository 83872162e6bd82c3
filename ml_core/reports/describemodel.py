"""The page of `describemodel`: a network in a drawing, a table and numbers, with its model card."""

from __future__ import annotations

from ..checkpoint import ModelCard
from ..jobs.choices import ARCHITECTURES
from ..networks import NetworkConfig
from ..networks.describe import Description
from . import modelcard, page
from .drawing import draw
from .tables import Value, text


def write(
    path: str,
    config: NetworkConfig,
    description: Description,
    pixel_m: float | None,
    card: ModelCard | None,
    model_path: str,
) -> None:
    """Write the page.

    Args:
        path: Where it goes.
        pixel_m: Pixel size that it works at, m; None: unknown.
        card: The model card; None for a network that is not fitted.
        model_path: The model file, for the subtitle; may be empty.
    """
    label = next(choice.label for choice in ARCHITECTURES if choice.id == config.architecture)
    page.render(
        "describemodel.html",
        path,
        label=label,
        model_path=model_path,
        tiles=_tiles(description, pixel_m),
        drawing=draw(description),
        input_px=description.input_px,
        plan=description.plan,
        out_channels=config.out_channels,
        layers=_layers(description),
        output_stride=description.geometry.output_stride,
        settings=modelcard.lines(config.to_dict()),
        card=card,
        calibration=modelcard.calibration(card) if card else None,
        acquired=modelcard.acquired(card) if card else {},
        validated=modelcard.validated(card) if card else "",
        sections=modelcard.sections(card) if card else [],
    )


def _tiles(description: Description, pixel_m: float | None) -> list[tuple[str, str, str, str]]:
    geometry = description.geometry
    field = geometry.receptive_field_px
    ground = f"{field * pixel_m / 1000:.3g} km at {pixel_m:.4g} m" if pixel_m else ""
    step = geometry.output_stride
    mib = 1e6 / 2**20
    return [
        ("Trained parameters", text(description.parameters), "", ""),
        ("Receptive field", str(field), "px", ground),
        ("Overlap that makes tiles exact", str(geometry.overlap_px), "px", ""),
        (
            "One value for each",
            f"{step} x {step}" if step > 1 else "1",
            "px",
            f"{step * pixel_m / 1000:.3g} km" if pixel_m and step > 1 else "",
        ),
        ("Arithmetic", _whole(description.flop_per_px / 1e3), "GFLOP per Mpx", ""),
        (
            "Memory to predict",
            _whole(description.prediction_bytes_per_px * mib),
            "MiB per Mpx",
            "values held at once, float32",
        ),
        (
            "Memory to train",
            _whole(description.training_bytes_per_px * mib),
            "MiB per Mpx",
            "values of all layers, float32",
        ),
    ]


def _whole(value: float) -> str:
    """Return three digits or more, never an exponent."""
    return text(round(value)) if value >= 100 else f"{value:.3g}"


def _layers(description: Description) -> list[list[Value]]:
    """Return name, kind, K, S, P, channels, output, parameters, field and kFLOP of each layer."""
    rows: list[list[Value]] = []
    for row in description.rows:
        layer = row.layer
        spatial = layer.kind.value in _SPATIAL
        kind = "dense" if layer.dense else layer.kind.value
        rows.append(
            [
                layer.name,
                f"{kind} {layer.rate:g}" if layer.rate else kind,
                layer.kernel if spatial else None,
                layer.stride if spatial or layer.stride > 1 else None,
                layer.padding if spatial else None,
                layer.channels,
                row.size,
                layer.parameters or None,
                row.receptive_field_px,
                2 * row.multiplications / 1e3 if row.multiplications else None,
            ]
        )
    return rows


_SPATIAL = ("convolution", "transposed convolution", "max-pooling")
