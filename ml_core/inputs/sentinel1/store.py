"""Where a product's files are: in a SAFE folder or in a zip, which is read in place."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import SeaIceError

MANIFEST = "manifest.safe"

_LARGEST_XML = 256 * 2**20
"""Bytes; the largest annotation of a real product has some 15 million."""


@dataclass(frozen=True)
class ProductStore:
    """The files of one product, in a folder or in a zip, of which nothing is extracted.

    Attributes:
        label: What messages call the product.
        sizes: Bytes of each file, by its path below the root with forward slashes.
        root: The product's folder, or its folder in the zip.
        archive: The zip.
    """

    label: str
    sizes: Mapping[str, int]
    root: str
    archive: Path | None = None

    def read_xml(self, name: str, limit: int = -1) -> bytes:
        """Return an XML file's first bytes, all where the limit is -1.

        Raises:
            SeaIceError: The file cannot be read, or is far larger than any annotation.
        """
        size = self.sizes[name]
        if size > _LARGEST_XML:
            raise SeaIceError(f"{self.label}: {name} has {size} bytes, too many for an annotation")
        try:
            if self.archive is None:
                with open(Path(self.root, name), "rb") as file:
                    return file.read(limit)
            with zipfile.ZipFile(self.archive) as archive, archive.open(self.root + name) as stream:
                return stream.read(limit)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise SeaIceError(
                f"{self.label}: cannot read {name} ({error}); download the product again"
            ) from error

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file."""
        if self.archive is None:
            return str(Path(self.root, name))
        return f"/vsizip/{{{self.archive.as_posix()}}}/{self.root}{name}"


def _in_folder(root: Path) -> ProductStore:
    """Return the product in a folder that holds manifest.safe."""
    files = sorted((path.relative_to(root).as_posix(), path) for path in root.rglob("*"))
    sizes = {name: path.stat().st_size for name, path in files if path.is_file()}
    return ProductStore(root.name or str(root), sizes, str(root))


def _in_zip(path: Path) -> ProductStore:
    """Return the product in a zip.

    Raises:
        SeaIceError: The zip is damaged or encrypted, holds paths that leave it, or holds no
            product or several.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (OSError, zipfile.BadZipFile) as error:
        raise SeaIceError(f"{path.name}: damaged zip ({error}); download it again") from error
    for entry in entries:
        if _leaves(entry.filename) or _leaves(entry.orig_filename):
            raise SeaIceError(
                f"{path.name}: holds the path {entry.orig_filename!r}, which leads out of the"
                " archive; no Sentinel-1 product does, so do not trust this file"
            )
    manifests = [e.filename for e in entries if e.filename.rsplit("/", 1)[-1] == MANIFEST]
    if len(manifests) != 1:
        found = "no" if not manifests else f"{len(manifests)} times"
        raise SeaIceError(
            f"{path.name}: holds {found} {MANIFEST}; expected the zip of one Sentinel-1 product"
        )
    root = manifests[0][: -len(MANIFEST)]
    inside = sorted((e for e in entries if e.filename.startswith(root)), key=lambda e: e.filename)
    if any(entry.flag_bits & 1 for entry in inside):
        raise SeaIceError(f"{path.name}: is encrypted; decrypt it first")
    sizes = {entry.filename[len(root) :]: entry.file_size for entry in inside}
    return ProductStore(path.name, sizes, root, path.absolute())


def open_store(path: str) -> ProductStore:
    """Return the files of the product at a path.

    Args:
        path: A SAFE folder, a manifest.safe, a folder that holds one SAFE folder, or a zip.

    Raises:
        SeaIceError: There is no Sentinel-1 product at the path.
    """
    given = Path(path)
    if not given.exists():
        raise SeaIceError(f"{path}: does not exist; give a SAFE folder, its {MANIFEST} or its zip")
    if given.is_dir():
        inner = [given]
        if not (given / MANIFEST).is_file():
            inner = [path.parent for path in given.glob(f"*/{MANIFEST}")]
        if len(inner) != 1:
            found = "no" if not inner else f"{len(inner)} products and no own"
            raise SeaIceError(
                f"{given.name}: holds {found} {MANIFEST}; give the folder of one Sentinel-1"
                " product (its name ends in .SAFE)"
            )
        return _in_folder(inner[0])
    if given.name == MANIFEST:
        return _in_folder(given.absolute().parent)
    if zipfile.is_zipfile(given):
        return _in_zip(given)
    raise SeaIceError(
        f"{given.name}: is neither a SAFE folder, a {MANIFEST} nor an intact zip; give one of them"
    )


def _leaves(name: str) -> bool:
    """Return whether an archive's path could lead out of the folder it is unpacked to."""
    path = name.replace("\\", "/")
    return path.startswith("/") or bool(re.match("[A-Za-z]:", path)) or ".." in path.split("/")
