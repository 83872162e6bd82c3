"""What lies in a folder."""

from pathlib import Path


def files_in(folder):
    """The names of what lies in a folder, sorted."""
    return sorted(path.name for path in Path(folder).iterdir())
