"""The model file: weights and model card in one safetensors file, nothing executable."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import SeaIceError
from .jobs.choices import TASKS

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

FORMAT_VERSION = 1

POLARISATIONS = ("HH", "HV", "VV", "VH")

_CARD_KEY = "seaice_model_card"


@dataclass(frozen=True)
class ModelCard:
    """What a network was made from, and how its input and output are to be read.

    Attributes:
        network: `networks.NetworkConfig` as a dictionary.
        channels: The input channels in order: two of `POLARISATIONS`, then ``incidence_angle`` and
            extra channels of any name, where the network has them.
        mean: Mean of each channel on the training part, dB, degrees or an extra channel's unit.
        std: Standard deviation of each channel there, likewise.
        resolution_m: Pixel size that the network works at.
        footprint_m: Footprint of the reference; None where it was given at a point.
        task: ``regression`` or ``classes``.
        classes: The classes (`networks.classes`) as a dictionary; None for a regression.
        training: Provenance, parameters, steps, seed, names of the inputs.
        split: How training and validation were set apart.
        curves: Losses by epoch.
        metrics: Errors by part.
        calibration: What uncertainty was calibrated on; None where it was not.
        versions: Libraries by name.
        created: When, ISO 8601 with time zone.
        format_version: Of the file's layout.
    """

    network: dict[str, Any]
    channels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resolution_m: float
    footprint_m: float | None = None
    task: str = "regression"
    classes: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        """Check what prediction relies on.

        Raises:
            SeaIceError: A value is missing, of the wrong type, or contradicts another.
        """
        for name in ("channels", "mean", "std"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)):
                raise _bad(name, value, "a list")
            object.__setattr__(self, name, tuple(value))
        are_names = all(isinstance(name, str) and name for name in self.channels)
        if not are_names or len(set(self.channels)) != len(self.channels):
            raise _bad("channels", self.channels, "different names")
        if len(self.channels) < 2 or not set(self.channels[:2]) <= set(POLARISATIONS):
            raise _bad("channels", self.channels, f"two of {', '.join(POLARISATIONS)} first")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) != len(self.channels) or not all(map(_is_number, values)):
                raise _bad(
                    name, values, f"a finite number for each of {len(self.channels)} channels"
                )
        if min(self.std) <= 0:
            raise _bad("std", self.std, "positive numbers")
        if not _is_number(self.resolution_m) or self.resolution_m <= 0:
            raise _bad("resolution_m", self.resolution_m, "a positive number of metres")
        if self.footprint_m is not None and (
            not _is_number(self.footprint_m) or self.footprint_m < 0
        ):
            raise _bad("footprint_m", self.footprint_m, "metres, or nothing")
        if self.task not in [choice.id for choice in TASKS]:
            raise _bad("task", self.task, " or ".join(choice.id for choice in TASKS))
        for name in ("network", "training", "split", "curves", "metrics", "versions"):
            if not isinstance(getattr(self, name), dict):
                raise _bad(name, getattr(self, name), "an object")
        for name in ("classes", "calibration"):
            if not isinstance(getattr(self, name), (dict, type(None))):
                raise _bad(name, getattr(self, name), "an object, or nothing")
        if self.network.get("in_channels") != len(self.channels):
            raise _bad(
                "network",
                f"in_channels {self.network.get('in_channels')}",
                f"as many input channels as the card names, {len(self.channels)}",
            )


def save(path: str, tensors: Mapping[str, Array], card: ModelCard) -> None:
    """Write a model file; the same tensors and card give the same bytes.

    Numbers of the card that are not finite are written as absent (null).

    Args:
        path: The file to write.
        tensors: Weights by name; those of member k of an ensemble are called ``member{k}.…``, and
            a single network is member 0.

    Raises:
        SeaIceError: The file cannot be written.
        OSError: The disk is full.
    """
    import numpy as np
    from safetensors.numpy import save as to_bytes

    text = json.dumps(
        _finite(dataclasses.asdict(card)), sort_keys=True, allow_nan=False, ensure_ascii=False
    )
    # one metadata entry only: the library keeps several in no fixed order
    content = to_bytes(
        {name: np.asarray(array, order="C") for name, array in sorted(tensors.items())},
        metadata={_CARD_KEY: text},
    )
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise  # whoever runs the job knows its outputs, and says which disk is full
        raise SeaIceError(
            f"{Path(path).parent}: the model file cannot be written there ({error.strerror});"
            " choose another folder"
        ) from error


def read_card(path: str) -> ModelCard:
    """Return the model card of a model file, without reading the weights.

    Raises:
        SeaIceError: The file is no model file, is damaged, or comes from a newer version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            text = (file.metadata() or {}).get(_CARD_KEY)
    except OSError as error:
        raise SeaIceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise _foreign(path, f"it is no safetensors file, or damaged ({error})") from error
    if text is None:
        raise _foreign(path, "it has no model card")
    return _card_of(path, text)


def load(path: str) -> tuple[ModelCard, dict[str, Array]]:
    """Return the model card and the weights by name.

    Raises:
        SeaIceError: The file is no model file, is damaged, or comes from a newer version.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    card = read_card(path)
    try:
        tensors = from_bytes(Path(path).read_bytes())
    except OSError as error:
        raise SeaIceError(f"{path}: cannot be read ({error.strerror})") from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _foreign(path, f"its weights cannot be read ({error})") from error
    if not any(name.startswith("member0.") for name in tensors):
        raise _foreign(path, "it holds no weights")
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise SeaIceError(
                f"{path}: the weights {name} are not all finite; the training went astray,"
                " train again with a lower learning rate"
            )
    return card, tensors


def member(tensors: Mapping[str, Array], number: int) -> dict[str, Array]:
    """Return the weights of one member of an ensemble, named as its network names them."""
    prefix = f"member{number}."
    return {
        name[len(prefix) :]: array for name, array in tensors.items() if name.startswith(prefix)
    }


def member_count(tensors: Mapping[str, Array]) -> int:
    """Return the number of an ensemble's members; 1 for a single network."""
    return len({name.split(".", 1)[0] for name in tensors if name.startswith("member")})


def _card_of(path: str, text: str) -> ModelCard:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _foreign(path, "its model card is not JSON") from error
    if not isinstance(values, dict):
        raise _foreign(path, "its model card is no object")
    version = values.get("format_version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _foreign(path, f"its model card has format version {version!r}")
    if version > FORMAT_VERSION:
        raise SeaIceError(
            f"{path}: written in model format {version} by a newer version of the plugin; this one"
            f" reads up to {FORMAT_VERSION}. Update the plugin"
        )
    # a later plugin may add a field without a new format
    known = {name: values[name] for name in ModelCard.__dataclass_fields__ if name in values}
    try:
        return ModelCard(**known)
    except (SeaIceError, TypeError) as error:
        raise _foreign(path, f"its model card is wrong: {error}") from error


def _finite(value: Any) -> Any:  # Any: JSON
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _bad(name: str, value: object, expected: str) -> SeaIceError:
    return SeaIceError(f"{name} is {value!r}, expected {expected}")


def _foreign(path: str, why: str) -> SeaIceError:
    return SeaIceError(
        f"{path}: not a model file of this plugin: {why}; choose a file that Train SIC network"
        " wrote"
    )
