"""`make demo`: a network trained on one simulated scene and applied to another, all in QGIS.

Every step is an algorithm of the packaged plugin, run by qgis_process with settings of its own; the
last one draws the result as QGIS shows it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

from environments import QGIS, ROOT, HeadlessQgis, log, reporting

DEMO = ROOT / "build" / "demo"
PICTURE = "demo.png"

# Half a swath, whose noise differs from its annotation as that of real scenes does, corrected and
# taken off as the import does it. The learned and the mapped scene differ in everything that the
# seed decides, but not in season or wind: one scene is too little to learn more from.
_SCENE = {
    "WIDTH": "2500",
    "HEIGHT": "2500",
    "INCIDENCE_NEAR": "30",
    "INCIDENCE_FAR": "41",
    "NOISE": "scaled",
}
LEARNED = {**_SCENE, "SEED": "11"}
MAPPED = {**_SCENE, "SEED": "12"}


class Demo:
    """The steps of the demo.

    Args:
        folder: Where the results go; emptied first, so that nothing old is taken for new.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        self._qgis = HeadlessQgis(ROOT / "build" / "plugins", folder / ".qgis")

    def run(self, algorithm: str, **parameters: str) -> None:
        """Run one of the plugin's algorithms and show what it reports."""
        log(f"seaice:{algorithm}")
        started = time.monotonic()
        command = self._qgis.command(algorithm, **parameters)
        subprocess.run(command, env=self._qgis.environment, check=True)
        log(f"seaice:{algorithm} took {time.monotonic() - started:.0f} s")

    def draw(self, *arguments: str) -> None:
        """Draw the picture with QGIS's own map renderer."""
        command = [str(QGIS.python), str(ROOT / "tools" / "demo_picture.py"), *arguments]
        subprocess.run(command, env=self._qgis.environment, check=True)

    def path(self, name: str) -> str:
        """Return the path of a result."""
        return str(self.folder / name)


def scene(demo: Demo, prefix: str, settings: Dict[str, str]) -> Dict[str, str]:
    """Simulate a scene and return its files by the names of the algorithms' parameters."""
    names = ("HH", "HV", "INCIDENCE", "REFERENCE", "TRUE_SIC")
    files = {name: demo.path(f"{prefix}{name.lower()}.tif") for name in names}
    demo.run("simulatescene", **settings, **files)
    return files


def run(demo: Demo) -> List[str]:
    """Run all steps and return the names of what they left."""
    learned = scene(demo, "training_", LEARNED)
    mapped = scene(demo, "", MAPPED)
    model, sic = demo.path("model.safetensors"), demo.path("sic.tif")
    demo.run(
        "train",
        HH=learned["HH"],
        HV=learned["HV"],
        REFERENCE=learned["REFERENCE"],
        MODEL=model,
        REPORT=demo.path("report.html"),
    )
    demo.run("predict", HH=mapped["HH"], HV=mapped["HV"], MODEL=model, OUTPUT=sic)
    demo.run(
        "evaluate",
        PREDICTION=sic,
        REFERENCE=mapped["REFERENCE"],
        REPORT=demo.path("evaluation.html"),
    )
    log("drawing the picture")
    demo.draw(mapped["HH"], mapped["HV"], mapped["REFERENCE"], sic, demo.path(PICTURE))
    return sorted(path.name for path in demo.folder.iterdir() if not path.name.startswith("."))


def main() -> None:
    """Run the demo and list what it left."""
    started = time.monotonic()
    left = run(Demo(DEMO))
    log(f"done in {time.monotonic() - started:.0f} s; {DEMO.relative_to(ROOT)}/ holds")
    print("\n".join(f"    {name}" for name in left))


if __name__ == "__main__":
    sys.exit(reporting(main))
