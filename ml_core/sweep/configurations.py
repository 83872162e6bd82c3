"""Configurations of a sweep: every combination of networks, sizes and regularisations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

from ..errors import SeaIceError
from ..jobs.choices import ARCHITECTURES
from ..jobs.comparenetworks import CompareNetworksJob
from ..jobs.fitting import FitDetails, FitInputs
from ..training.config import TrainingConfig

_OPTIONAL: Final = ("stride", "padding", "patch_size", "output_stride")
_PENALTIES: Final = ("dropout", "l2", "l1")
_REGULARISATIONS: Final = (*_PENALTIES, "augmentation", "data_fraction")


@dataclass(frozen=True)
class Configuration:
    """One combination.

    Attributes:
        network: The network's id.
        size: Filters and depth in words.
        regularisation: Its settings in words.
        config: What is fitted and how, with the first seed.
        data_fraction: Share of the training part that is used.
    """

    network: str
    size: str
    regularisation: str
    config: TrainingConfig
    data_fraction: float = 1.0

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.network} {self.size}, {self.regularisation}"


def configurations(
    job: CompareNetworksJob, channels: tuple[str, ...], footprint_px: float
) -> tuple[list[Configuration], list[str]]:
    """Return the combinations, and why others that the lists make are left out.

    A combination that makes no network, such as a depth that a network does not have, is left out
    as long as the network has another.

    Raises:
        SeaIceError: A network has no combination that works.
    """
    found: list[Configuration] = []
    left_out: list[str] = []
    for network in dict.fromkeys(job.architecture):
        before, reasons = len(found), []
        for filters, depth in itertools.product(_sizes(job.filters), _sizes(job.depth)):
            size = {"architecture": network, "filters": filters, "depth": depth}
            try:
                found += [
                    _configuration(job, channels, size, settings, footprint_px)
                    for settings in _regularisations(job)
                ]
            except SeaIceError as error:
                reasons.append(str(error))
        if len(found) == before:
            raise SeaIceError(f"{network} cannot be compared: {reasons[0]}")
        left_out += reasons
    return found, left_out


def _sizes(values: tuple[float, ...]) -> list[int | None]:
    return [int(value) for value in dict.fromkeys(values)] or [None]


def _regularisations(job: CompareNetworksJob) -> list[dict[str, Any]]:
    """Return every combination of the regularisations' settings, each once."""
    lists = [dict.fromkeys(getattr(job, name)) for name in _REGULARISATIONS]
    return [dict(zip(_REGULARISATIONS, values)) for values in itertools.product(*lists)]


def _configuration(
    job: CompareNetworksJob,
    channels: tuple[str, ...],
    size: dict[str, Any],
    settings: dict[str, Any],
    footprint_px: float,
) -> Configuration:
    network = size["architecture"]
    has = next(choice.settings for choice in ARCHITECTURES if choice.id == network)
    shared = {
        name: getattr(job, name)
        for name, _ in FitDetails.specs()
        if name not in _OPTIONAL or name in has
    }
    inputs = FitInputs(**{**shared, **size, **settings})
    config = TrainingConfig.from_job(inputs, channels, footprint_px=footprint_px)
    shape = f"{config.network.filters} filters, depth {config.network.depth}"
    return Configuration(
        network, shape, _in_words(settings, job), config, settings["data_fraction"]
    )


def _in_words(settings: dict[str, Any], job: CompareNetworksJob) -> str:
    """Return the settings that differ between configurations, and the penalties that are on."""
    shown = [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in settings.items()
        if len(set(getattr(job, name))) > 1 or (name in _PENALTIES and value)
    ]
    return " ".join(shown) or "none"
