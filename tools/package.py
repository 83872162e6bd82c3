"""`make package`: the installable plugin folder and its zip.

The zip depends on the files' contents alone, so that two builds of one checkout are equal.
"""

from __future__ import annotations

import configparser
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Iterator, Tuple

ROOT = Path(__file__).resolve().parent.parent
NAME = "seaice_qgis"

# Where the checkout's folders and files lie in the plugin's folder.
_FOLDERS = {"seaice_qgis": ".", "ml_core": "ml_core", "resources": "resources"}
_FILES = ("metadata.txt", "LICENSE", "README.md", "CHANGELOG.md")
_CACHES = ("__pycache__",)
_CACHE_SUFFIXES = (".pyc", ".pyo", ".orig", ".rej", "~")

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""


def contents(root: Path) -> Iterator[Tuple[Path, Path]]:
    """Yield each file of the plugin: its path in the checkout and within the plugin's folder."""
    for name in _FILES:
        yield root / name, Path(name)
    for folder, target in _FOLDERS.items():
        for path in sorted((root / folder).rglob("*")):
            inside = path.relative_to(root / folder)
            hidden = any(part.startswith(".") or part in _CACHES for part in inside.parts)
            if path.is_file() and not hidden and not path.name.endswith(_CACHE_SUFFIXES):
                yield path, Path(target) / inside


def version(root: Path) -> str:
    """Return the version that metadata.txt declares."""
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(root / "metadata.txt", encoding="utf-8")
    return metadata["general"]["version"]


def build(root: Path, build_folder: Path, dist_folder: Path) -> Tuple[Path, Path]:
    """Lay out the plugin's folder and zip it.

    Args:
        root: The checkout.
        build_folder: Receives ``plugins/seaice_qgis``, which replaces an older one.
        dist_folder: Receives the zip.

    Returns:
        The plugin's folder and the zip.
    """
    plugin = build_folder / "plugins" / NAME
    shutil.rmtree(plugin, ignore_errors=True)
    dist_folder.mkdir(parents=True, exist_ok=True)
    archive = dist_folder / f"{NAME}-{version(root)}.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for source, target in sorted(contents(root), key=lambda pair: pair[1].as_posix()):
            copy = plugin / target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            entry = zipfile.ZipInfo(f"{NAME}/{target.as_posix()}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, source.read_bytes())
    return plugin, archive


def main() -> int:
    """Build the package of this checkout."""
    plugin, archive = build(ROOT, ROOT / "build", ROOT / "dist")
    print(plugin.relative_to(ROOT))
    print(archive.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
