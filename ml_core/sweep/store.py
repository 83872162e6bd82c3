"""Finished runs on disk, so that a cancelled sweep can go on."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ..errors import SeaIceError

_FORMAT = 1


def store_path(report: str) -> str:
    """Return the file beside a report in which its finished runs are kept."""
    return str(Path(report).with_suffix(".runs.jsonl"))


def key_of(content: dict[str, Any]) -> str:
    """Return a key that is the same for the same run only.

    Args:
        content: Everything that decides the run, as JSON values.
    """
    text = json.dumps({"format": _FORMAT, **content}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class ResultStore:
    """Records by key, one JSON line each; a line that was cut off is left out.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._records: dict[str, dict[str, Any]] = {}
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        except (OSError, UnicodeDecodeError) as error:
            raise SeaIceError(
                f"{path}: the finished runs cannot be read ({error}); remove the file to start"
                " again"
            ) from error
        for line in lines:
            try:
                entry = json.loads(line)
                self._records[entry["key"]] = dict(entry["record"])
            except (ValueError, KeyError, TypeError):
                continue

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the record of a finished run, or None."""
        return self._records.get(key)

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Keep a record, on disk when this returns.

        Raises:
            SeaIceError: The file cannot be written.
        """
        self._records[key] = record
        line = json.dumps({"key": key, "record": record}, sort_keys=True, allow_nan=False)
        try:
            with open(self.path, "ab+") as stream:
                if stream.tell() and not _ends_a_line(stream):
                    stream.write(b"\n")  # after a line that was cut off
                stream.write(line.encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise SeaIceError(
                f"{self.path}: the finished run cannot be kept ({error.strerror}); choose"
                " another place for the report"
            ) from error


def _ends_a_line(stream: Any) -> bool:  # Any: a binary file open for reading and appending
    stream.seek(-1, os.SEEK_END)
    ends: bool = stream.read(1) == b"\n"
    stream.seek(0, os.SEEK_END)
    return ends
