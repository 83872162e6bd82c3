"""Seams and precision: tiled against whole image, and the runtimes' precision against float32."""

import numpy as np
import scene
from measuring import report

from ml_core import checkpoint, networks
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig
from ml_core.prediction.runtimes.choose import make_runtime
from ml_core.prediction.tiled import Normalisation, TiledNetwork, TiledScene, Tiling

HEIGHT, WIDTH = 1500, 1300
SIZES = (256, 512, 1024)


class Source:
    """A scene in memory."""

    def __init__(self, values):
        self.values = values

    def read(self, window, *, out=None):
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
    halo, multiple = shape.overlap_px, shape.multiple
    source = Source(scene.sea_ice((HEIGHT, WIDTH), seed=9)[0])
    normalisation = Normalisation(card.mean, card.std)
    inside = normalisation.apply(source.values.copy(), np.ones((HEIGHT, WIDTH), dtype=bool))
    beyond = [(0, -size % multiple) for size in (HEIGHT, WIDTH)]
    whole_input = np.pad(inside, [(0, 0), *beyond], mode="symmetric")
    seams, errors = [], []
    for name in ("openvino", "torch"):
        whole = {}
        for precision in ("", "float32"):
            runtime = make_runtime(name, "cpu", card, [state], quiet, None, precision)
            whole[precision] = percent(runtime(whole_input[None])[0])[:HEIGHT, :WIDTH]
            for size in SIZES:
                tiling = Tiling.of_cores(size, halo, multiple)
                sic = np.full((HEIGHT, WIDTH), np.nan, dtype=np.float32)

                def write(predicted, sic=sic):
                    sic[predicted.window.slices] = percent(predicted.output)

                with TiledScene(source, sic.shape, tiling, normalisation) as tiled:
                    tiled.predict(TiledNetwork(runtime, tiling), write, quiet)
                seams.append(float(np.abs(sic - whole[precision]).max()))
                print(
                    f"{name} {runtime.precision}, tiles of {size} px with a margin of {halo} px:"
                    f" {seams[-1]:.4f} % SIC"
                )
        error = whole[""] - whole["float32"]
        errors.append(float(np.sqrt(np.mean(error**2))))
        report(f"precision_rmse_sic_{name}", errors[-1], "% SIC")
    report("seam_max_sic", max(seams), "% SIC")
    report("precision_rmse_sic", max(errors), "% SIC")


if __name__ == "__main__":
    main()
