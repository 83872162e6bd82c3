"""How much open water a network takes for ice, with noise as annotated and corrected: --seeds.

Per seed two simulated scenes of the whole swath, whose noise differs from its annotation as that of
real scenes does: one to learn from, one to map. Printed are the RMSE against the true SIC, and the
share of the open water, more than 10 pixels of the map from any ice, that is mapped as 15 % of ice
or more.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from measuring import report, run_job
from rasterio.enums import Resampling
from scipy import ndimage

LAYERS = "hh", "hv", "incidence", "reference", "true_sic"


def pair(folder, seed, noise):
    """Train on one scene and map another; return RMSE [% SIC] and false ice [%], near range too."""
    scenes = []
    for number in (seed, seed + 1):
        names = {name: str(Path(folder, f"{number}_{name}.tif")) for name in LAYERS}
        run_job("simulatescene", seed=number, noise=noise, **names)
        scenes.append(names)
    learned, mapped = scenes
    model, output = str(Path(folder, "model.safetensors")), str(Path(folder, "sic.tif"))
    channels = "hh", "hv", "incidence"
    run_job(
        "train",
        **{name: learned[name] for name in (*channels, "reference")},
        match="footprints",
        model=model,
        seed=seed,
    )
    run_job("predict", **{name: mapped[name] for name in channels}, model=model, output=output)
    with rasterio.open(output) as dataset:
        sic = dataset.read(1, masked=True)
    known = ~np.ma.getmaskarray(sic)
    truth, angle = (resampled(mapped[name], sic.shape) for name in ("true_sic", "incidence"))
    water = known & (ndimage.maximum_filter(truth, 21) == 0)
    rmse = float(np.sqrt(np.mean((sic.data[known] - truth[known]) ** 2)))
    near = water & (angle < 28.5)
    false = [100 * float((sic.data[part] >= 15).mean()) for part in (water, near) if part.any()]
    return rmse, *false


def resampled(path, shape):
    """Return a layer averaged to a map's shape."""
    with rasterio.open(path) as dataset:
        return dataset.read(1, out_shape=shape, resampling=Resampling.average)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 21, 31])
    for seed in parser.parse_args().seeds:
        for noise in ("subtracted", "scaled"):
            with tempfile.TemporaryDirectory() as folder:
                found = pair(folder, seed, noise)
            names = "rmse_against_truth", "false_ice_open_water", "false_ice_open_water_ew1"
            for name, value in zip(names, found):
                report(f"{noise}_{seed}_{name}", value, "%")


if __name__ == "__main__":
    main()
