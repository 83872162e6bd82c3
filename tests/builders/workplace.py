"""A folder with a small scene, its reference and a network, and the jobs that take them."""

import json

from ml_core import checkpoint
from ml_core.networks import NetworkConfig
from tests.builders.models import card_of, random_state
from tests.builders.rasters import write_raster
from tests.builders.scenes import backscatter, ice

PIXEL_M = 500.0
CELL_PX = 8

TRAIN, COMPARE, PREDICT = "train", "comparenetworks", "predict"

SIC = ice((120, 160), CELL_PX)
HH, HV = backscatter(SIC)
REFERENCE = SIC.reshape(15, CELL_PX, 20, CELL_PX).mean((1, 3))
SMALL = NetworkConfig(filters=4, depth=2)


class Workplace:
    """A folder of inputs and one for outputs, in which nothing but outputs may appear."""

    def __init__(self, folder):
        self.folder = folder
        self.outputs = folder / "out"
        self.outputs.mkdir()

    def layer(self, name, values, **more):
        """Write a layer on the scene's grid and return its path."""
        return write_raster(self.folder / name, values, **{"size": PIXEL_M, **more})

    def reference(self, name, values, **more):
        """Write a layer on the reference's grid and return its path."""
        return self.layer(name, values, size=CELL_PX * PIXEL_M, **more)

    def network(self, name, config=SMALL, **more):
        """Write a network's file and return its path."""
        path = str(self.folder / name)
        card = card_of(config, **{"resolution_m": PIXEL_M, **more})
        state = {f"member0.{key}": value for key, value in random_state(config).items()}
        checkpoint.save(path, state, card)
        return path

    def parameters(self, job):
        """Return the parameters of a job that works."""
        scene = {"hh": self.layer("hh.tif", HH), "hv": self.layer("hv.tif", HV)}
        if job == PREDICT:
            return {
                **scene,
                "model": self.network("net.safetensors"),
                "runtime": "torch",
                "output": str(self.outputs / "sic.tif"),
                "uncertainty": str(self.outputs / "spread.tif"),
            }
        several = {"seeds": 1, "dropout": 0, "table": str(self.outputs / "runs.csv")}
        one = {"model": str(self.outputs / "net.safetensors")}
        return {
            **scene,
            "reference": self.reference("reference.tif", REFERENCE),
            "resolution": 0,
            "architecture": "unet",
            "chip_size": 32,
            "filters": 2,
            "depth": 2,
            "epochs": 1,
            "chips_per_epoch": 4,
            "device": "cpu",
            "report": str(self.outputs / "report.html"),
            **(several if job == COMPARE else one),
        }

    def job(self, name, **changes):
        """Write a job's file and return its path."""
        path = self.folder / "job.json"
        parameters = {**self.parameters(name), **changes}
        path.write_text(json.dumps({"job": name, "parameters": parameters}), encoding="utf-8")
        return path

    def left(self):
        """Return the names of what lies where outputs go, hidden files too."""
        return sorted(path.name for path in self.outputs.iterdir())
