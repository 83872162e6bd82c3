"""A network's size and shape: what a model file needs to rebuild it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import SeaIceError
from ..jobs.choices import ARCHITECTURES
from ..jobs.fields import Choice, Kind
from ..jobs.network import NetworkInputs


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides a network's layers, checked on construction.

    Attributes:
        architecture: The network: the id of one of `jobs.choices.ARCHITECTURES`.
        in_channels: Input channels, such as 2 for HH and HV.
        out_channels: Outputs per pixel: 1 SIC fraction, or one score (logit) per class.
        filters: Filters p of the first convolution.
        depth: Levels of down-sampling; where a network has none, its convolutions.
        kernel_size: Side K of the convolution kernels, px.
        dropout: Share of the channels that dropout switches off, 0 <= dropout < 1.
        dropout_position: Where dropout sits: the id of one of `jobs.choices.DROPOUT_POSITIONS`.
        upsampling: How a decoder enlarges: the id of one of `jobs.choices.UPSAMPLINGS`.
        stride: Stride S where the network lets it be chosen; None: the network's own.
        padding: Padding P where the network lets it be chosen, px; None: the network's own.
        patch_size: Side of the patch that a patch network takes, px; None: the network's own.
        output_stride: A patch network gives one value for each block of so many pixels; None: the
            network's own.
    """

    architecture: str = "unet"
    in_channels: int = 2
    out_channels: int = 1
    filters: int = 16
    depth: int = 4
    kernel_size: int = 3
    dropout: float = 0.2
    dropout_position: str = "bottleneck"
    upsampling: str = "transposed"
    stride: int | None = None
    padding: int | None = None
    patch_size: int | None = None
    output_stride: int | None = None

    def __post_init__(self) -> None:
        """Check every value by itself; whether they fit together is the network's plan's matter.

        Raises:
            SeaIceError: A value is of the wrong type or out of its bounds.
        """
        bounds = dict(_CHANNELS)
        for name, spec in NetworkInputs.specs():
            if name in self.__dataclass_fields__ and spec.choices:
                _check_choice(spec.label, getattr(self, name), spec.choices)
            elif spec.kind is Kind.INTEGER:
                bounds[name] = spec.minimum, spec.maximum
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise SeaIceError(
                    f"network: {name} = {value!r}; expected a whole number from {low} to {high}"
                )
        rate = self.dropout
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise SeaIceError(
                f"network: dropout = {rate!r}; expected a share of the channels, 0 or more and"
                " less than 1"
            )

    @classmethod
    def of(cls, architecture: str, **given: Any) -> NetworkConfig:
        """Return the config of a network; what is absent or None takes the network's own default.

        Raises:
            SeaIceError: There is no such network, or a value is wrong.
        """
        _check_choice("Network", architecture, ARCHITECTURES)
        network = next(choice for choice in ARCHITECTURES if choice.id == architecture)
        own = {name: getattr(network, name) for name in ("filters", "depth", "kernel_size")}
        chosen = {name: value for name, value in given.items() if value is not None}
        return cls(architecture, **{**own, **chosen})

    @classmethod
    def from_job(cls, job: NetworkInputs, in_channels: int, out_channels: int) -> NetworkConfig:
        """Return the config that a job's parameters ask for.

        Raises:
            SeaIceError: A value is wrong.
        """
        shared = set(cls.__dataclass_fields__) & {name for name, _ in NetworkInputs.specs()}
        given = {name: getattr(job, name) for name in shared - {"architecture"}}
        return cls.of(job.architecture, in_channels=in_channels, out_channels=out_channels, **given)

    def check_settings(self) -> None:
        """Refuse settings that the network does not have.

        Raises:
            SeaIceError: One of the settings, which None leaves to the network, is given.
        """
        has = next(choice.settings for choice in ARCHITECTURES if choice.id == self.architecture)
        for name in _OPTIONAL:
            if name not in has and getattr(self, name) is not None:
                raise SeaIceError(
                    f"{self.architecture}: {name.replace('_', ' ')} = {getattr(self, name)}, but"
                    " this network leaves no choice there; leave it empty"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Return the config that `to_dict` gave; what is absent takes its default.

        Raises:
            SeaIceError: A name is unknown, or a value is wrong.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise SeaIceError(
                f"network: unknown settings {', '.join(unknown)};"
                " the model may come from a newer version of the plugin"
            )
        return cls(**values)


_CHANNELS: dict[str, tuple[Any, Any]] = {"in_channels": (1, 64), "out_channels": (1, 101)}
"""Bounds of what no job's parameter decides."""

_OPTIONAL = ("stride", "padding", "patch_size", "output_stride")


def _check_choice(label: str, value: object, choices: Sequence[Choice]) -> None:
    ids = [choice.id for choice in choices]
    if value not in ids:
        raise SeaIceError(f"{label.lower()} {value!r} is not one of {', '.join(ids)}")
