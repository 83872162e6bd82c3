"""Output files: written beside their targets and moved there together, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

from .errors import SeaIceError

_SIDECARS = (".ovr", ".aux.xml", ".msk")

_LEAST_FREE = 100 * 1024
"""Bytes that a disk must have free: enough for the smallest report."""


def part_path(target: str, run_id: str) -> Path:
    """Return the name of an unfinished target, with its suffix: by that GDAL knows the format."""
    path = Path(target)
    return path.with_name(f".{path.stem}.{run_id}.part{path.suffix}")


def remove_parts(targets: Iterable[str], run_id: str) -> None:
    """Remove what a run left unfinished, whether or not it still exists."""
    for target in targets:
        part = part_path(target, run_id)
        for path in (part, *(Path(f"{part}{suffix}") for suffix in _SIDECARS)):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink()
    except OSError:
        pass


class OutputFiles:
    """The output files of one run: unfinished while the run works, in place once `commit` returns.

    Use as a context manager: leaving it without `commit` removes what was written.

    Args:
        run_id: Marks the unfinished files; a fresh one when empty.
    """

    def __init__(self, run_id: str = "") -> None:
        self.run_id = run_id or uuid.uuid4().hex[:12]
        self._parts: Dict[Path, Path] = {}  # by target

    def __enter__(self) -> OutputFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def stage(self, target: str) -> str:
        """Return the path to write in place of a target.

        Raises:
            SeaIceError: The target's folder does not exist, cannot be written, or is on a full
                disk: better reported now than when the work of hours is to be written.
        """
        path = Path(target).absolute()
        if not path.parent.is_dir():
            raise SeaIceError(
                f"{path.parent}: the output folder does not exist; create it or choose another"
            )
        if path.is_dir():
            raise SeaIceError(f"{path}: the output is a folder; give a file name")
        part = part_path(str(path), self.run_id)
        try:
            with open(part, "wb"):
                pass
            os.unlink(part)
        except OSError as error:
            raise SeaIceError(
                f"{path.parent}: cannot write there ({error.strerror}); choose another output"
                f" folder"
            ) from error
        disk = shutil.disk_usage(path.parent)
        if disk.total and disk.free < _LEAST_FREE:  # some network disks report neither
            raise SeaIceError(
                f"{path.parent}: the disk is full ({disk.free / 2**20:.1f} MiB are free); free some"
                " space or choose an output on another disk"
            )
        self._parts[path] = part
        return str(part)

    def commit(self) -> None:
        """Move every staged file that was written to its target; remove stale sidecars there.

        Raises:
            SeaIceError: A target cannot be replaced, because another program has it open. The
                targets are then as they were before.
        """
        replaced: List[Tuple[Path, Path]] = []
        target = Path()
        try:
            for target, part in self._parts.items():
                if part.exists():
                    old = part.with_name(f"{part.name}.old")
                    if target.exists():
                        os.replace(target, old)
                    replaced.append((target, old))
                    os.replace(part, target)
        except OSError as error:
            for path, old in reversed(replaced):
                if old.exists():
                    os.replace(old, path)
                else:
                    path.unlink(missing_ok=True)
            raise SeaIceError(
                f"{target}: cannot be replaced ({error.strerror}); close it in other programs,"
                " remove its layer from the map, or choose another name"
            ) from error
        for target, old in replaced:
            for suffix in _SIDECARS:
                stale, fresh = Path(f"{target}{suffix}"), Path(f"{self._parts[target]}{suffix}")
                if fresh.exists():
                    os.replace(fresh, stale)
                else:
                    stale.unlink(missing_ok=True)
            _remove(old)
        self._parts.clear()

    def discard(self) -> None:
        """Remove every staged file that is not committed."""
        remove_parts(map(str, self._parts), self.run_id)
        self._parts.clear()


def fingerprint(values: Any, paths: Iterable[str]) -> str:
    """Return what changes with values and with files, by their size and time of change.

    Args:
        values: What JSON can hold; anything else by its text.
        paths: The files; what is no plain file, such as a GDAL path, counts by its name.
    """
    stamps: List[List[object]] = []
    for path in paths:
        try:
            status = os.stat(path)
            stamps.append([path, status.st_size, status.st_mtime_ns])
        except OSError:
            stamps.append([path])
    text = json.dumps([values, stamps], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
