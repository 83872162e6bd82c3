"""What a comparison trains: every combination of networks, sizes and regularisations."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ..errors import SeaIceError
from ..jobs.choices import ARCHITECTURES
from ..jobs.comparenetworks import CompareNetworksJob
from ..jobs.fitting import FitDetails, FitInputs
from ..training.plan import Plan
from .regularisation import Regularisation, parse

_OPTIONAL = ("stride", "padding", "patch_size", "output_stride")


@dataclass(frozen=True)
class Candidate:
    """One combination.

    Attributes:
        network: The network's id.
        size: Filters and depth in words.
        regularisation: Its name.
        plan: What is fitted and how, with the first seed.
    """

    network: str
    size: str
    regularisation: str
    plan: Plan

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.network} {self.size}, {self.regularisation}"


def candidates(job: CompareNetworksJob) -> tuple[list[Candidate], list[str]]:
    """Return the combinations, and why others that the lists make are left out.

    A combination that makes no network, such as a depth that a network does not have, is left out
    as long as the network has another.

    Raises:
        SeaIceError: The regularisations are wrong, or a network has no combination that works.
    """
    found: list[Candidate] = []
    left_out: list[str] = []
    regularisations = parse(job.regularisation)
    for network in dict.fromkeys(job.architecture):
        before, reasons = len(found), []
        for filters, depth in itertools.product(_sizes(job.filters), _sizes(job.depth)):
            try:
                found += [
                    _candidate(job, network, filters, depth, regularisation)
                    for regularisation in regularisations
                ]
            except SeaIceError as error:
                reasons.append(str(error))
        if len(found) == before:
            raise SeaIceError(f"{network} cannot be compared: {reasons[0]}")
        left_out += reasons
    return found, left_out


def _sizes(values: tuple[float, ...]) -> list[int | None]:
    return [int(value) for value in dict.fromkeys(values)] or [None]


def _candidate(
    job: CompareNetworksJob,
    network: str,
    filters: int | None,
    depth: int | None,
    regularisation: Regularisation,
) -> Candidate:
    has = next(choice.settings for choice in ARCHITECTURES if choice.id == network)
    shared = {
        name: getattr(job, name)
        for name, _ in FitDetails.specs()
        if name not in _OPTIONAL or name in has
    }
    fit = FitInputs(
        **{
            **shared,
            "architecture": network,
            "filters": filters,
            "depth": depth,
            **regularisation.settings,
        }
    )
    plan = Plan.from_job(fit, refit=False)
    size = f"{plan.network.filters} filters, depth {plan.network.depth}"
    return Candidate(network, size, regularisation.name, plan)
