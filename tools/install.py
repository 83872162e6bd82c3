"""`make install`: the packaged plugin into the user's QGIS profile."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import List

from package import NAME, ROOT


def settings_folders() -> List[Path]:
    """Return the settings folders of the QGIS versions in use; that of QGIS 3 if there is none."""
    given = os.environ.get("QGIS_CUSTOM_CONFIG_PATH")
    if given:
        return [Path(given)]
    if os.name == "nt":
        base = Path(os.environ["APPDATA"]) / "QGIS"
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Application Support/QGIS"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "QGIS"
    found = [base / name for name in ("QGIS3", "QGIS4") if (base / name).is_dir()]
    return found or [base / "QGIS3"]


def install(plugin: Path, profile: Path) -> Path:
    """Copy the plugin's folder into a profile, in place of an older one, and return the copy."""
    target = profile / "python" / "plugins" / NAME
    fresh = target.with_name(f".{NAME}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(plugin, fresh)
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    fresh.rename(target)
    return target


def main() -> int:
    """Install into each QGIS in use; PROFILE names the profile (default: default)."""
    profile = os.environ.get("PROFILE") or "default"
    for folder in settings_folders():
        print(install(ROOT / "build/plugins" / NAME, folder / "profiles" / profile))
    print("Enable it once in QGIS: Plugins > Manage and Install Plugins > Installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
