"""How the thermal noise of a product is removed: as annotated, corrected from the scene, or not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ...errors import SeaIceError
from ...events import Reporter
from ...raster.radiometry import LOOKS_TAG, NESZ_TAG
from .annotation import Annotation, Floats, Subswath, read_annotation
from .calibration import LineTable, Noise, read_calibration, read_noise
from .measurement import CalibratedImage
from .nesz import NeszField
from .noisepriors import noise_prior
from .noisescaling import NoiseBlocks, NoiseCorrection, estimate, read_blocks
from .product import ImageFile, Product, ProductInfo
from .texture import Equalisation

_LITTLE = 0.5
"""Trust in a correction below which the log says so."""


@dataclass(frozen=True)
class ImageSource:
    """A polarisation of a product, read but for its image.

    Attributes:
        polarisation: Such as ``HV``.
        noise: As annotated.
        ipf: Version of the processor.
    """

    polarisation: str
    image: ImageFile
    annotation: Annotation
    calibration: LineTable
    noise: Noise
    ipf: float | None

    @classmethod
    def read(cls, product: Product, polarisation: str) -> ImageSource:
        """Read the annotation and the tables of a polarisation.

        Raises:
            SeaIceError: One is missing or malformed.
        """
        files, info = product.files(polarisation), product.info
        annotation = read_annotation(files.annotation)
        return cls(
            polarisation,
            files.image,
            annotation,
            read_calibration(files.calibration, annotation.samples),
            read_noise(files.noise, files.calibration, annotation, info.mode, info.ipf),
            info.ipf,
        )

    def open(self, removal: NoiseRemoval | None = None) -> CalibratedImage:
        """Open the image; without a removal, with the noise that it has."""
        return CalibratedImage(
            self.image,
            self.annotation,
            self.calibration,
            removal.noise if removal else self.noise,
            subtract=removal is not None and removal.subtracts,
            ipf=self.ipf,
            offsets=removal.offsets if removal else (),
        )

    def blocks(self, image: CalibratedImage, resolution_m: float) -> NoiseBlocks:
        """Return means of the opened image, which still has its noise, by blocks."""

        def nesz(line: int) -> Floats:
            found: Floats = self.noise.rows(line, line + 1)[0].astype(float)
            found /= np.square(self.calibration.rows(line, line + 1)[0])
            return found

        annotation = self.annotation
        return read_blocks(
            image.rows,
            nesz,
            annotation.subswaths,
            annotation.lines,
            annotation.spacing_m,
            resolution_m,
        )


@dataclass(frozen=True)
class NoiseRemoval:
    """What is done about the noise of an image.

    Attributes:
        source: Whose noise it is.
        handling: For tags: ``none``, or whether it is ESA's or scaled, and which is annotated.
        noise: As annotated or corrected.
        offsets: Sigma0, linear, that is subtracted as well, by subswath.
        equalisation: Of the grain that stays; None: none.
        estimated: What a file says of the estimate.
        blocks: What the correction was estimated from; None: it is the annotated noise.
        correction: The correction.
    """

    source: ImageSource
    handling: str
    noise: Noise
    offsets: tuple[tuple[Subswath, float], ...] = ()
    equalisation: Equalisation | None = None
    estimated: Mapping[str, str] = field(default_factory=dict)
    blocks: NoiseBlocks | None = None
    correction: NoiseCorrection | None = None

    @property
    def subtracts(self) -> bool:
        """Whether it is subtracted."""
        return self.handling != "none"

    @property
    def tags(self) -> dict[str, str]:
        """What a file says of its noise."""
        return {"SEAICE_NOISE": self.handling, **self.estimated}

    @cached_property
    def nesz(self) -> NeszField:
        """The noise as sigma0."""
        return NeszField(self.noise, self.source.calibration, self.source.annotation.lines)

    def summary(self) -> list[str]:
        """Return what the log says of the correction."""
        if self.correction is None:
            return []
        found, names = self.correction, self.names
        values = zip(names, found.scale, found.offset, found.shift_px, strict=True)
        lines = [
            "Noise, corrected from the scene: "
            + "; ".join(
                f"{name} scale {k:.2f}, offset {1e5 * b:+.1f}e-5"
                + (f", shift {d:+.0f} px" if abs(d) >= 1 else "")
                for name, k, b, d in values
            )
        ]
        if self.unsure:
            lines.append(
                f"The scene is too bright to say much of the noise in {', '.join(self.unsure)}: the"
                " correction there is weakened"
            )
        if found.jumps_db.size:
            jumps = ", ".join(
                f"{near}/{far} {_signed(before)} before, {_signed(after)} after"
                for near, far, before, after in zip(names, names[1:], *found.jumps_db, strict=False)
            )
            lines.append(f"Jump across the borders of subswaths: {jumps}")
        return lines

    @property
    def unsure(self) -> list[str]:
        """Names of the subswaths of whose noise the scene says little."""
        if self.correction is None:
            return []
        trust = zip(self.names, self.correction.trust, strict=True)
        return [name for name, share in trust if share < _LITTLE]

    @property
    def names(self) -> list[str]:
        """Names of the subswaths."""
        return [subswath.name for subswath, _ in self.offsets]


def noise_removals(
    sources: Sequence[ImageSource],
    product: Product,
    handling: str,
    *,
    resolution_m: float,
    report: Reporter,
) -> tuple[NoiseRemoval, NoiseRemoval]:
    """Return what is done about the noise of HH and HV (or VV and VH).

    Args:
        handling: ``scaled``, ``esa`` or ``none``. Scaled is the noise of the second image alone:
            co-polarised backscatter lies so far above its noise that the annotated one does.
        resolution_m: Of the map.

    Raises:
        SeaIceError: The noise is to be subtracted, but the annotation has none.
    """
    kind = "none" if handling == "none" else f"ESA, {_kind(sources, product.info, report)}"
    copol, crosspol = (NoiseRemoval(source, kind, source.noise) for source in sources)
    if handling == "scaled" and crosspol.source.annotation.subswaths:
        crosspol = _corrected(crosspol, product.info, resolution_m)
        for line in crosspol.summary():
            report.info(line)
    elif handling == "scaled":
        report.warning(
            f"{product.info.name}: its annotation names no subswaths, so that the noise of"
            f" {crosspol.source.polarisation} cannot be corrected; it is subtracted as annotated"
        )
    return copol, crosspol


def _signed(jump_db: float) -> str:
    return f"{jump_db:+.1f} dB" if math.isfinite(jump_db) else "below the noise"


def _kind(sources: Sequence[ImageSource], info: ProductInfo, report: Reporter) -> str:
    """Return which noise is annotated, and report what is special about it.

    Raises:
        SeaIceError: The annotation has none.
    """
    kinds = {source.noise.kind for source in sources}
    if "absent" in kinds:
        raise SeaIceError(
            f"{info.name}: its noise annotation holds no values; set Thermal noise to none"
        )
    if kinds == {"range"}:
        report.warning(
            f"{info.name}: IPF {info.ipf or 'unknown'} annotates the noise across"
            " the track only; scalloping along it (up to 1 dB in HV) remains"
        )
    factors = {source.noise.factors for source in sources} - {()}
    if factors:
        report.info(
            f"The noise of IPF {info.ipf} is multiplied, by subswath, by"
            f" {' and '.join(', '.join(f'{f:.4g}' for f in each) for each in sorted(factors))}"
        )
    return " / ".join(sorted(kinds))


def _corrected(annotated: NoiseRemoval, info: ProductInfo, resolution_m: float) -> NoiseRemoval:
    """Return the noise as it is estimated from the scene."""
    source = annotated.source
    subswaths = source.annotation.subswaths
    with source.open() as image:
        blocks = source.blocks(image, resolution_m)
    prior = noise_prior(info.platform, info.mode, source.polarisation, info.ipf, len(subswaths))
    found = estimate(blocks, prior)
    removal = NoiseRemoval(
        source,
        annotated.handling.replace("ESA", "scaled"),
        source.noise.corrected(subswaths, found.scale, found.shift_px),
        tuple(zip(subswaths, map(float, found.offset), strict=True)),
        blocks=blocks,
        correction=found,
    )
    quiet = removal.nesz.quiet
    return replace(
        removal,
        equalisation=Equalisation(quiet, blocks.pixel_looks),
        estimated={
            NESZ_TAG: f"{10 * math.log10(quiet):.2f}",
            LOOKS_TAG: f"{blocks.pixel_looks:.1f}",
            "SEAICE_NOISE_SCALE": " ".join(f"{k:.3f}" for k in found.scale),
            "SEAICE_NOISE_OFFSET": " ".join(f"{b:.2e}" for b in found.offset),
            "SEAICE_NOISE_SHIFT_PX": " ".join(f"{d:.1f}" for d in found.shift_px),
            "SEAICE_NOISE_JUMPS_BEFORE_DB": " ".join(f"{j:.2f}" for j in found.jumps_db[0]),
            "SEAICE_NOISE_JUMPS_AFTER_DB": " ".join(f"{j:.2f}" for j in found.jumps_db[1]),
        },
    )
