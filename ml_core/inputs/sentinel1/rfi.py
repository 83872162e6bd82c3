"""Radio interference (RFI) that a product's annotation reports, IPF 3.40 and newer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import SeaIceError
from ...events import Reporter
from .product import Product
from .xml import Node

RFI_TAG = "SEAICE_RFI"

_SHARES = (
    "timeDomainRfiReport/percentageAffectedLines",
    "frequencyDomainRfiBurstReport/isolatedRfiReport/percentageAffectedLines",
    "frequencyDomainRfiBurstReport/percentageBlocksPersistentRfi",
)
"""Of a burst: lines with interference in time, lines with it in frequency, and blocks of lines with
a persistent frequency. A report is absent where the processor did not look."""


@dataclass(frozen=True)
class Interference:
    """What the annotation of one polarisation reports.

    Source: Sentinel-1 Product Specification, S1-RS-MDA-52-7441, 3.9, and Sentinel-1: Using the RFI
    annotations, DI-MPC-OTH-0540.

    Attributes:
        lines_percent: Share of the lines with interference. The ways to detect it overlap, so of
            a burst the largest of their shares counts: a lower bound.
        bursts: Bursts with interference, of `all_bursts`.
        from_noise: Noise measurements with interference, of `all_from_noise`. By default they
            decide which bursts the processor looks at.
        mitigated: Whether the processor has lessened it.
    """

    lines_percent: float
    bursts: int
    all_bursts: int
    from_noise: int
    all_from_noise: int
    mitigated: bool

    @property
    def text(self) -> str:
        """What was found, in words; empty where nothing was."""
        found = []
        if self.bursts:
            share = "<0.1" if self.lines_percent < 0.1 else f"{self.lines_percent:.1f}"
            found.append(f"{share} % of the lines ({self.bursts} of {self.all_bursts} bursts)")
        if self.from_noise:
            found.append(f"{self.from_noise} of {self.all_from_noise} noise measurements")
        if found and self.mitigated:
            found.append("mitigated by the processor")
        return ", ".join(found)


def read_rfi(root: Node) -> Interference:
    """Return what an RFI annotation reports.

    Raises:
        SeaIceError: A share is no number from 0 to 100.
    """
    noise = [node.text("rfiDetected") for node in root.named("rfiDetectionFromNoiseReport")]
    percents = [_percent(burst) for burst in root.named("rfiBurstReport")]
    return Interference(
        lines_percent=sum(percents) / len(percents) if percents else 0.0,
        bursts=sum(percent > 0 for percent in percents),
        all_bursts=len(percents),
        from_noise=noise.count("true"),
        all_from_noise=len(noise),
        mitigated=root.text("rfiMitigationApplied") not in ("", "None"),
    )


def polarisation_tags(
    product: Product, polarisations: Sequence[str], report: Reporter
) -> list[dict[str, str]]:
    """Return what the raster of each polarisation holds of its own; warn of interference.

    A product without the annotation says nothing. One whose annotation cannot be read is warned
    of, not refused: its images are as good as those of an older processor, which wrote none.
    """
    found = []
    for polarisation in polarisations:
        tags = {"SEAICE_POLARISATION": polarisation}
        try:
            root = product.optional("rfi", polarisation)
            text = read_rfi(root).text if root else ""
        except SeaIceError as error:
            report.warning(f"Whether there is radio interference is unknown. {error}")
            text = ""
        if text:
            tags[RFI_TAG] = text
            report.warning(
                f"{product.info.name}: radio interference in {polarisation}: {text}. Look for"
                " bright stripes across the track before you trust a map there"
            )
        found.append(tags)
    return found


def _percent(burst: Node) -> float:
    shares = [burst.number(path) for path in _SHARES if burst.all(path)]
    for share in shares:
        if not 0 <= share <= 100:
            raise SeaIceError(
                f"{burst.where}: {share:g} % of a burst's lines have interference; expected 0 to"
                " 100. Download the product again"
            )
    return max(shares, default=0.0)
