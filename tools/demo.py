"""`make demo`: a network trained on one simulated scene and applied to another, all in QGIS.

Every step is an algorithm of the packaged plugin, run by qgis_process with settings of its own; the
last one draws the result as QGIS shows it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

from environments import ROOT, SetupError, qgis_base, qgis_process, say, without_screen

DEMO = ROOT / "build" / "demo"
PLUGINS = ROOT / "build" / "plugins"
PICTURE = "demo.png"

# Half a swath, with the noise taken off as the import of real scenes does it. The learned and the
# mapped scene differ in everything that the seed decides, but not in season or wind: one scene is
# too little to learn more from.
_SCENE = {
    "WIDTH": "2500",
    "HEIGHT": "2500",
    "INCIDENCE_NEAR": "30",
    "INCIDENCE_FAR": "41",
    "NOISE": "subtracted",
}
LEARNED = {**_SCENE, "SEED": "11"}
MAPPED = {**_SCENE, "SEED": "12"}


class Demo:
    """The steps of the demo, in a QGIS that has its own settings.

    Args:
        program: The path of qgis_process.
        python: The Python that imports qgis.
        folder: Where the results go; emptied first, so that nothing old is taken for new.
    """

    def __init__(self, program: str, python: str, folder: Path) -> None:
        self.folder = folder
        self._program = program
        self._python = python
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._environment = {
            **without_screen(os.environ, str(Path(python).parent)),
            "QGIS_PLUGINPATH": str(PLUGINS),
            "QGIS_CUSTOM_CONFIG_PATH": str(folder / ".qgis"),
            "XDG_RUNTIME_DIR": str(folder / ".qgis"),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",  # of QGIS 3.22's own modules
        }

    def enable_plugin(self) -> None:
        """Enable the packaged plugin, which QGIS asks for once per profile."""
        (self.folder / ".qgis").mkdir(mode=0o700)
        subprocess.run(
            [self._program, "plugins", "enable", "seaice_qgis"],
            env=self._environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def run(self, algorithm: str, **parameters: str) -> None:
        """Run one of the plugin's algorithms and show what it says."""
        assigned = [f"{name}={value}" for name, value in parameters.items()]
        say(f"seaice:{algorithm}")
        started = time.monotonic()
        subprocess.run(
            [self._program, "run", f"seaice:{algorithm}", "--", *assigned],
            env=self._environment,
            check=True,
        )
        say(f"seaice:{algorithm} took {time.monotonic() - started:.0f} s")

    def draw(self, *arguments: str) -> None:
        """Draw the picture with QGIS's own map renderer."""
        subprocess.run(
            [self._python, str(ROOT / "tools" / "demo_picture.py"), *arguments],
            env=self._environment,
            check=True,
        )

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
    demo.enable_plugin()
    learned = scene(demo, "training_", LEARNED)
    mapped = scene(demo, "", MAPPED)
    model, sic = demo.path("model.safetensors"), demo.path("sic.tif")
    demo.run(
        "train",
        HH=learned["HH"],
        HV=learned["HV"],
        REFERENCE=learned["REFERENCE"],
        MATCH="footprints",
        MODEL=model,
        REPORT=demo.path("report.html"),
    )
    demo.run(
        "predict",
        HH=mapped["HH"],
        HV=mapped["HV"],
        MODEL=model,
        OUTPUT=sic,
    )
    demo.run(
        "evaluate",
        PREDICTION=sic,
        REFERENCE=mapped["REFERENCE"],
        REPORT=demo.path("evaluation.html"),
    )
    say("drawing the picture")
    demo.draw(mapped["HH"], mapped["HV"], mapped["REFERENCE"], sic, demo.path(PICTURE))
    return sorted(path.name for path in demo.folder.iterdir() if not path.name.startswith("."))


def main() -> int:
    """Run the demo and say what it left."""
    started = time.monotonic()
    try:
        left = run(Demo(qgis_process(), qgis_base(), DEMO))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"failed with exit code {error.returncode}: {error.cmd}", file=sys.stderr)
        return 1
    say(f"done in {time.monotonic() - started:.0f} s; {DEMO.relative_to(ROOT)}/ holds")
    print("\n".join(f"    {name}" for name in left))
    return 0


if __name__ == "__main__":
    sys.exit(main())
