"""What the benchmarks predict: synthetic scenes, and a network; made once under build/bench."""

import os
import re
from dataclasses import replace

import numpy as np
import torch
from affine import Affine
from measuring import ROOT, run_job
from rasterio.crs import CRS

from ml_core import checkpoint, networks
from ml_core.checkpoint import ModelCard
from ml_core.networks import NetworkConfig
from ml_core.prediction.training_distribution import TrainingDistribution
from ml_core.raster.grid import Grid, Window
from ml_core.raster.writing import RasterWriter, backscatter_band

FOLDER = ROOT / "build" / "bench"

MEAN, STD = (-15.0, -24.0), (5.0, 5.0)


def sea_ice(shape, seed):
    """HH and HV (2, H, W) in dB of ice and water with speckle, and the ice fraction (H, W)."""
    generator = np.random.default_rng(seed)
    fields = []
    for cell in (200, 40):
        coarse = generator.random((shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
        fields.append(
            torch.nn.functional.interpolate(
                torch.from_numpy(coarse)[None, None], size=shape, mode="bicubic"
            )[0, 0].numpy()
        )
    ice = np.clip(4 * (0.6 * fields[0] + 0.4 * fields[1] - 0.37), 0, 1)
    speckle = generator.gamma(8, 1 / 8, (2, *shape)).astype(np.float32)
    power = np.stack([0.01 + 0.07 * ice, 0.001 + 0.007 * ice]) * speckle
    return (10 * np.log10(power)).astype(np.float32), ice


def scene(side, *, rounded=True):
    """Paths of HH and HV, (side, side) float32 dB at 40 m, deflate-compressed.

    Rounded they are as the import writes them, else random to the last bit and with the predictor
    for floats, which are the slowest to read.
    """
    kind = "rounded" if rounded else "full"
    paths = [FOLDER / f"{name}_{kind}_{side}.tif" for name in ("hh", "hv")]
    if all(path.exists() for path in paths):
        return [str(path) for path in paths]
    FOLDER.mkdir(parents=True, exist_ok=True)
    grid = Grid(CRS.from_epsg(3413), Affine(40, 0, 5e5, 0, -40, -1e6), side, side)
    pattern, _ = sea_ice((2048, 2048), seed=1)
    for path, band in zip(paths, pattern, strict=True):
        part = path.with_suffix(".part.tif")
        info = backscatter_band(path.name[:2].upper())
        if not rounded:
            info = replace(info, step=None)
        with RasterWriter(str(part), grid, [info], overviews=False) as writer:
            for row in range(0, side, 2048):
                for col in range(0, side, 2048):
                    window = Window(row, col, 2048, 2048).clipped(side, side)
                    writer.write(window, band[: window.height, : window.width])
        os.replace(part, path)
    return [str(path) for path in paths]


def model():
    """Path of a U-Net of 16 filters and depth 4, fitted for 200 steps.

    Its card holds what a trained network's does, so that predicting with it does as much.
    """
    path = FOLDER / "unet.safetensors"
    if path.exists():
        return str(path)
    FOLDER.mkdir(parents=True, exist_ok=True)
    config = NetworkConfig(filters=16, depth=4)
    generator = torch.Generator().manual_seed(1)
    network = networks.build(config, generator).to(memory_format=torch.channels_last)
    steps = 200
    optimiser = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    values, ice = sea_ice((1500, 1500), seed=2)
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (MEAN, STD))
    x, y = torch.from_numpy((values - mean) / std), torch.from_numpy(ice)
    for _ in range(steps):
        places = [
            np.s_[r : r + 160, c : c + 160]
            for r, c in torch.randint(0, 1340, (4, 2), generator=generator).tolist()
        ]
        batch = torch.stack([x[(slice(None), *place)] for place in places])
        wanted = torch.stack([y[place] for place in places])
        with torch.autocast("cpu", torch.bfloat16):
            output = network(batch.contiguous(memory_format=torch.channels_last))
        loss = ((output.float()[:, 0] - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    print(f"network fitted: RMSE of the last batch {100 * loss.item() ** 0.5:.1f} % SIC")
    domain = TrainingDistribution.of(values.reshape(2, -1).T, ("HH", "HV"))
    training = {"domain": domain.to_dict()}
    card = ModelCard(config.to_dict(), ("HH", "HV"), MEAN, STD, 40.0, 12_000.0, training=training)
    state = {f"member0.{k}": v.numpy() for k, v in network.state_dict().items()}
    checkpoint.save(str(path), state, card)
    return str(path)


def predict(side, *, rounded=True, **more):
    """Predict a scene; return the run."""
    hh, hv = scene(side, rounded=rounded)
    return run_job("predict", hh=hh, hv=hv, model=model(), output=str(FOLDER / "sic.tif"), **more)


def rate(run):
    """The network's px/s, overlaps included, that a prediction reported."""
    found = re.search(
        r"([0-9.]+) Mpx, overlaps included, through the network in ([0-9.]+) s",
        "\n".join(run.texts),
    )
    return 1e6 * float(found[1]) / float(found[2])
