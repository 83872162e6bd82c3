"""A GRD product: what its manifest holds and which files belong to each polarisation."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import SeaIceError
from .store import MANIFEST, open_store
from .xml import Node, parse

_HEAD_BYTES = 4096
_XML_KINDS = ("product", "calibration", "noise")


@dataclass(frozen=True)
class ProductInfo:
    """What the manifest holds of a product; texts as they stand there, empty where absent.

    Attributes:
        platform: ``S1A`` to ``S1D``.
        mode: ``EW``, ``IW``, ``SM`` or ``WV``.
        product_type: ``GRD``, ``SLC``, ``OCN`` or ``RAW``.
        polarisations: As acquired, such as ``("HH", "HV")``.
        orbit: Absolute number.
        orbit_pass: ``ASCENDING`` or ``DESCENDING``.
        start: Start of the acquisition, UTC, ISO 8601.
        ipf: Version of the processor, such as 3.52; None where the manifest has none.
    """

    name: str
    platform: str
    mode: str
    product_type: str
    polarisations: tuple[str, ...]
    orbit: str
    relative_orbit: str
    orbit_pass: str
    start: str
    stop: str
    ipf: float | None

    def tags(self) -> dict[str, str]:
        """Return what a raster made of the product holds of it."""
        found = {
            "SEAICE_PRODUCT": self.name,
            "SEAICE_PLATFORM": self.platform,
            "SEAICE_MODE": self.mode,
            "SEAICE_ORBIT": self.orbit,
            "SEAICE_RELATIVE_ORBIT": self.relative_orbit,
            "SEAICE_PASS": self.orbit_pass,
            "SEAICE_START": self.start,
            "SEAICE_STOP": self.stop,
            "SEAICE_IPF": "" if self.ipf is None else f"{self.ipf:.2f}",
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class ImageFile:
    """A measurement: its path for GDAL, and what messages call it."""

    path: str
    label: str


@dataclass(frozen=True)
class PolarisationFiles:
    """The files of one polarisation: roots of its annotations, and its image."""

    annotation: Node
    calibration: Node
    noise: Node
    image: ImageFile


class Product:
    """A dual-polarised Sentinel-1 GRD product.

    Raises:
        SeaIceError: There is no product at the path, or it is no dual-polarised GRD product.
    """

    def __init__(self, path: str) -> None:
        self.store = open_store(path)
        if MANIFEST not in self.store.sizes:
            raise SeaIceError(f"{self.store.label}: holds no {MANIFEST}; give a SAFE folder")
        self._manifest = self._parse(MANIFEST)
        if self._manifest.name != "XFDU":
            raise SeaIceError(
                f"{self._manifest.where}: its root is <{self._manifest.name}>; expected <XFDU>,"
                " the manifest of a Sentinel-1 product"
            )
        self.info = _read_info(self._manifest, self.store.label)
        self._check_type()
        self._listed = {
            posixpath.normpath(node.element.get("href", ""))
            for node in self._manifest.named("fileLocation")
        }
        self._xml_files = self._sniff()

    @property
    def copol(self) -> str:
        """The polarisation that was sent and received: HH or VV."""
        return self._pick("HH", "VV")

    @property
    def crosspol(self) -> str:
        """The polarisation across the one that was sent: HV or VH."""
        return self._pick("HV", "VH")

    def files(self, polarisation: str) -> PolarisationFiles:
        """Return the files of a polarisation.

        Raises:
            SeaIceError: One is missing or is not what it should be.
        """
        annotation, calibration, noise = (
            self._parse(self._find(kind, polarisation)) for kind in _XML_KINDS
        )
        return PolarisationFiles(
            annotation,
            calibration,
            noise,
            ImageFile(
                self.store.gdal_path(self._find_image(polarisation)),
                f"{self.store.label}: measurement of {polarisation}",
            ),
        )

    def optional(self, kind: str, polarisation: str) -> Node | None:
        """Return the root of a polarisation's annotation of a kind; None where there is none.

        Raises:
            SeaIceError: It is not XML.
        """
        if (kind, polarisation) not in self._xml_files.values():
            return None
        return self._parse(self._find(kind, polarisation))

    def _pick(self, *wanted: str) -> str:
        return next(name for name in self.info.polarisations if name in wanted)

    def _parse(self, name: str) -> Node:
        return parse(self.store.read_xml(name), f"{self.store.label}: {name}")

    def _check_type(self) -> None:
        info, label = self.info, self.store.label
        if info.product_type != "GRD":
            raise SeaIceError(
                f"{label}: is a {info.product_type or 'product of unknown type'}"
                f"{' product' if info.product_type else ''}; expected a ground range detected"
                " product (GRDM, GRDH), the level that Copernicus also offers of this scene"
            )
        if info.mode not in ("EW", "IW"):
            raise SeaIceError(
                f"{label}: was acquired in mode {info.mode or 'unknown'}; expected EW or IW"
            )
        found = set(info.polarisations)
        if not ({"HH", "HV"} <= found or {"VV", "VH"} <= found):
            raise SeaIceError(
                f"{label}: holds {' and '.join(info.polarisations) or 'no known polarisation'}"
                " only; expected HH and HV (a dual-polarised product, DH in its name)"
            )

    def _sniff(self) -> dict[str, tuple[str, str]]:
        """Return root element and polarisation of the XML files below annotation/."""
        found: dict[str, tuple[str, str]] = {}
        for name in self.store.sizes:
            if not (name.startswith("annotation/") and name.lower().endswith(".xml")):
                continue
            head = self.store.read_xml(name, _HEAD_BYTES)
            root = re.search(rb"<([A-Za-z_][\w:.-]*)", head)
            polarisation = re.search(rb"<polarisation>\s*(\w\w)\s*<", head)
            found[name] = (
                root[1].decode() if root else "no XML",
                polarisation[1].decode().upper() if polarisation else "",
            )
        return found

    def _find(self, kind: str, polarisation: str) -> str:
        matches = [name for name, seen in self._xml_files.items() if seen == (kind, polarisation)]
        if not matches:
            seen = ", ".join(
                f"{name} (<{root}> {of})" if of else f"{name} ({root})"
                for name, (root, of) in self._xml_files.items()
            )
            raise SeaIceError(
                f"{self.store.label}: no {kind} annotation of {polarisation} below annotation/;"
                f" found {seen or 'no XML there'}. Download the product again"
            )
        return self._preferred(matches)

    def _find_image(self, polarisation: str) -> str:
        token = re.compile(rf"(^|[^a-z]){polarisation.lower()}([^a-z]|$)")
        matches = [
            name
            for name in self.store.sizes
            if name.startswith("measurement/")
            and name.lower().endswith((".tif", ".tiff"))
            and token.search(posixpath.basename(name).lower())
        ]
        if not matches:
            raise SeaIceError(
                f"{self.store.label}: no TIFF of {polarisation} below measurement/;"
                " download the product again"
            )
        name = self._preferred(matches)
        if self.store.sizes[name] == 0:
            raise SeaIceError(
                f"{self.store.label}: {name} is empty (0 bytes); download the product again"
            )
        return name

    def _preferred(self, names: list[str]) -> str:
        """Return the first name that the manifest lists, or else the first."""
        return next((name for name in names if name in self._listed), names[0])


def _read_info(manifest: Node, label: str) -> ProductInfo:
    def first(name: str, below: Sequence[Node] = (manifest,)) -> str:
        found = below[0].named(name) if below else []
        return found[0].text() if found else ""

    letter = first("number", manifest.named("platform"))
    polarisations = dict.fromkeys(
        node.text().upper() for node in manifest.named("transmitterReceiverPolarisation")
    )
    return ProductInfo(
        name=re.sub(r"\.(SAFE|zip)$", "", label, flags=re.IGNORECASE),
        platform=f"S1{letter}" if letter else "",
        mode=first("mode").upper(),
        product_type=first("productType").upper(),
        polarisations=tuple(polarisations),
        orbit=first("orbitNumber"),
        relative_orbit=first("relativeOrbitNumber"),
        orbit_pass=first("pass").upper(),
        start=first("startTime"),
        stop=first("stopTime"),
        ipf=_ipf_version(manifest),
    )


def _ipf_version(manifest: Node) -> float | None:
    """Return the version of the processor that made the product: the outermost one named."""
    for software in manifest.named("software"):
        version = re.match(r"0*(\d+\.\d+)", software.element.get("version", ""))
        if "IPF" in software.element.get("name", "") and version:
            return float(version[1])
    return None
