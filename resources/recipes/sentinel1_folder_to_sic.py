"""Map the sea-ice concentration of every Sentinel-1 product in a folder, one after the other.

    python3 sentinel1_folder_to_sic.py PRODUCTS MODEL OUTPUT [NAME=VALUE ...]

PRODUCTS is a folder of zips and SAFE folders, MODEL a network from Train SIC network, OUTPUT a
folder for the GeoTIFFs. NAME=VALUE are further parameters of the model sentinel1_to_sic, such as
RESOLUTION=40 or MASK=land.tif. Products that have a map already are left out, so that the recipe
can be started again; a product that fails is reported and the others go on. Ends with the number of
failures.

Needs only Python 3.9 and QGIS with the plugin seaice_qgis: QGIS_PROCESS names the program
qgis_process where it is not found by itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

MODEL3 = Path(__file__).resolve().parents[1] / "models" / "sentinel1_to_sic.model3"


def products(folder: Path) -> List[Path]:
    """Return the SAFE folders and zips of Sentinel-1 products in a folder."""
    found = [path for path in folder.iterdir() if path.name[:3] in ("S1A", "S1B", "S1C", "S1D")]
    return sorted(
        path
        for path in found
        if path.suffix.lower() == ".zip" or (path / "manifest.safe").is_file()
    )


def qgis_process() -> Optional[str]:
    """Return the program qgis_process; Debian's wrapper of that name is broken, so .bin first."""
    named = os.environ.get("QGIS_PROCESS")
    return named or shutil.which("qgis_process.bin") or shutil.which("qgis_process")


def output_name(program: str) -> str:
    """Return what this QGIS calls the model's output: ``predict:SIC``, ``sic`` in newer ones."""
    text = subprocess.run(
        [program, "help", str(MODEL3)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout
    found = re.search(r"^\s*((?:\w+:)?SIC):", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else "SIC"


def main(arguments: List[str]) -> int:
    """Run the recipe and return the number of products that failed."""
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, model, target = (Path(text) for text in arguments[:3])
    program = qgis_process()
    if program is None:
        print("qgis_process is not found; set QGIS_PROCESS to its path", file=sys.stderr)
        return 2
    if not source.is_dir() or not model.is_file():
        print(f"{source} must be a folder and {model} a file", file=sys.stderr)
        return 2
    target.mkdir(parents=True, exist_ok=True)
    scenes = products(source)
    print(f"{len(scenes)} products in {source}", flush=True)
    failed, name = 0, output_name(program)
    for number, scene in enumerate(scenes, 1):
        output = target / f"{scene.stem}_sic.tif"
        if output.exists():
            print(f"[{number}/{len(scenes)}] {scene.name}: there already", flush=True)
            continue
        command = [program, "run", str(MODEL3), "--"]
        command += [f"PRODUCT={scene}", f"MODEL={model}", f"{name}={output}", *arguments[3:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # some versions of qgis_process end with 0 after a failure
        if done.returncode == 0 and output.exists():
            print(f"[{number}/{len(scenes)}] {scene.name}: {output}", flush=True)
            continue
        failed += 1
        reason = [line for line in done.stdout.splitlines() if line.strip()]
        print(
            f"[{number}/{len(scenes)}] {scene.name}: FAILED", *reason[-5:], sep="\n  ", flush=True
        )
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
