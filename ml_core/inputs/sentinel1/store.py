"""Where a product's files are: in a SAFE folder or in a zip, which is read in place."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Protocol

from ...errors import SeaIceError

MANIFEST = "manifest.safe"

_LARGEST_XML = 256 * 2**20
"""Bytes; the largest annotation of a real product has some 15 million."""


class ProductStore(Protocol):
    """The files of one product, by their path below its root, with forward slashes."""

    @property
    def label(self) -> str:
        """What messages call the product."""

    @property
    def names(self) -> tuple[str, ...]:
        """The paths of all files."""

    def size(self, name: str) -> int:
        """Return the bytes of a file."""

    def read(self, name: str, limit: int = -1) -> bytes:
        """Return a file's first bytes, all where the limit is -1."""

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file."""


class FolderStore:
    """A product in a folder.

    Args:
        root: The folder that holds manifest.safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.label = root.name or str(root)
        self.names = tuple(
            sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        )

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return (self._root / name).stat().st_size

    def read(self, name: str, limit: int = -1) -> bytes:
        """Return a file's first bytes, all where the limit is -1."""
        with open(self._root / name, "rb") as stream:
            return stream.read(limit)

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file."""
        return str(self._root / name)


class ZipStore:
    """A product in a zip; nothing is extracted.

    Args:
        path: The zip.

    Raises:
        SeaIceError: The zip is damaged or encrypted, holds paths that leave it, or holds no
            product or several.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.label = path.name
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
        self._root = manifests[0][: -len(MANIFEST)]
        self._entries = {
            entry.filename[len(self._root) :]: entry
            for entry in entries
            if entry.filename.startswith(self._root)
        }
        self.names = tuple(sorted(self._entries))
        if any(entry.flag_bits & 1 for entry in self._entries.values()):
            raise SeaIceError(f"{path.name}: is encrypted; decrypt it first")

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return self._entries[name].file_size

    def read(self, name: str, limit: int = -1) -> bytes:
        """Return a file's first bytes, all where the limit is -1."""
        with (
            zipfile.ZipFile(self._path) as archive,
            archive.open(self._entries[name]) as stream,
        ):
            return stream.read(limit)

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file."""
        return f"/vsizip/{{{self._path.as_posix()}}}/{self._root}{name}"


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
        inner = [given] if (given / MANIFEST).is_file() else _products_in(given)
        if len(inner) != 1:
            found = "no" if not inner else f"{len(inner)} products and no own"
            raise SeaIceError(
                f"{given.name}: holds {found} {MANIFEST}; give the folder of one Sentinel-1"
                " product (its name ends in .SAFE)"
            )
        return FolderStore(inner[0])
    if given.name == MANIFEST:
        return FolderStore(given.absolute().parent)
    if zipfile.is_zipfile(given):
        return ZipStore(given)
    raise SeaIceError(
        f"{given.name}: is neither a SAFE folder, a {MANIFEST} nor an intact zip; give one of them"
    )


def read_xml(store: ProductStore, name: str, limit: int = -1) -> bytes:
    """Return an XML file's first bytes, all where the limit is -1.

    Raises:
        SeaIceError: The file cannot be read, or is far larger than any annotation.
    """
    size = store.size(name)
    if size > _LARGEST_XML:
        raise SeaIceError(f"{store.label}: {name} has {size} bytes, too many for an annotation")
    try:
        return store.read(name, limit)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SeaIceError(
            f"{store.label}: cannot read {name} ({error}); download the product again"
        ) from error


def _products_in(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))


def _leaves(name: str) -> bool:
    """Return whether an archive's path could lead out of the folder it is unpacked to."""
    path = name.replace("\\", "/")
    return path.startswith("/") or bool(re.match("[A-Za-z]:", path)) or ".." in path.split("/")
