"""Seams and precision: tiled against whole image, and the runtimes' precision against float32."""

import numpy as np
import scene
from affine import Affine
from measuring import report
from rasterio.crs import CRS

from ml_core import checkpoint, networks
from ml_core.datasets.normalisation import Normalisation
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig
from ml_core.prediction.runtimes.choose import make_runtime
from ml_core.prediction.scene_input import SceneInput
from ml_core.prediction.tiled import TiledScene
from ml_core.raster.grid import Grid
from ml_core.raster.tiles import Tiling

HEIGHT, WIDTH = 1500, 1300
SIZES = (256, 512, 1024)


class Source:
    """A scene in memory."""

    channels = ("HH", "HV")
    grid = Grid(CRS.from_epsg(3413), Affine.scale(40, -40), HEIGHT, WIDTH)

    def __init__(self, values):
        self.values = values

    def read(self, window):
        inside = window.clipped(HEIGHT, WIDTH)
        values = np.zeros((2, window.height, window.width), dtype=np.float32)
        valid = np.zeros(values.shape[1:], dtype=bool)
        place = np.s_[
            inside.row - window.row : inside.stop_row - window.row,
            inside.col - window.col : inside.stop_col - window.col,
        ]
        values[(slice(None), *place)] = self.values[(slice(None), *inside.slices)]
        valid[place] = True
        return values, valid


def percent(output):
    return np.clip(100 * output[0], 0, 100)


def main():
    quiet = Reporter(lambda event: None)
    card, tensors = checkpoint.load(scene.model())
    state = checkpoint.member(tensors, 0)
    config = NetworkConfig.from_dict(card.network)
    shape = networks.geometry(config)
    overlap, multiple = shape.overlap_px, shape.multiple
    source = Source(scene.sea_ice((HEIGHT, WIDTH), seed=9)[0])
    normalisation = Normalisation.of(card.mean, card.std)
    valid = np.ones((HEIGHT, WIDTH), dtype=bool)
    inside = normalisation.apply_to_channels(source.values.copy(), valid)
    inputs = SceneInput(source, source.channels, normalisation)
    beyond = [(0, -size % multiple) for size in (HEIGHT, WIDTH)]
    whole_input = np.pad(inside, [(0, 0), *beyond], mode="symmetric")
    seams, errors = [], []
    for name in ("openvino", "torch"):
        whole = {}
        for precision in ("", "float32"):
            runtime = make_runtime(name, "cpu", card, [state], quiet, None, precision)
            whole[precision] = percent(runtime(whole_input[None])[0])[:HEIGHT, :WIDTH]
            for size in SIZES:
                tiling = Tiling.of_cores(size, overlap, multiple)
                sic = np.full((HEIGHT, WIDTH), np.nan, dtype=np.float32)

                def write(predicted, sic=sic):
                    sic[predicted.window.slices] = percent(predicted.output)

                with TiledScene(inputs, runtime, tiling) as tiled:
                    tiled.predict(write, quiet)
                seams.append(float(np.abs(sic - whole[precision]).max()))
                print(
                    f"{name} {runtime.precision}, tiles of {size} px, overlap {overlap} px:"
                    f" {seams[-1]:.4f} % SIC"
                )
        error = whole[""] - whole["float32"]
        errors.append(float(np.sqrt(np.mean(error**2))))
        report(f"precision_rmse_sic_{name}", errors[-1], "% SIC")
    report("seam_max_sic", max(seams), "% SIC")
    report("precision_rmse_sic", max(errors), "% SIC")


if __name__ == "__main__":
    main()
