"""Rate of train's fit over a bare loop of the same steps, and an epoch over more data than memory.

`train_vs_bare_loop`: chips per second of the fit - chips drawn from a memory-mapped array, varied,
normalised, masked, progress reported - over the bare forward, backward and step on tensors in
memory, with the same batch, precision, optimiser and L2. The two take turns.

`train_data_exceeds_memory`: the largest anonymous memory of a process that normalises and fits an
epoch over an array of 6 GB. Its pages are the file system's cache and not counted.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from measuring import report

from ml_core import networks
from ml_core.datasets.block_split import draw_split
from ml_core.datasets.cells import CellCounts
from ml_core.datasets.normalisation import moments, normalisation
from ml_core.datasets.sampler import ChipSampler
from ml_core.events import Reporter
from ml_core.training.device import choose, seeded
from ml_core.training.fit import FitSettings, fit
from ml_core.training.losses import Targets, penalised, squared_error
from ml_core.training.tasks import Regression

SILENT = Reporter(lambda event: None)
CONFIG = networks.NetworkConfig()
CHIP, BATCH, STEPS, ROUNDS = 160, 4, 10, 7
L2 = 1e-4
ARRAY_BYTES = 6_000_000_000
FOOTPRINT_PX = 80


def array_in(file, side):
    """The array of a scene of side x side px: ice with floes of a footprint's size, and speckle."""
    array = np.memmap(file, np.float32, "w+", shape=(side, side, 3))
    rng = np.random.default_rng(0)
    cells = CellCounts.empty((side, side), FOOTPRINT_PX)
    rows = 512
    noise = rng.normal(0, 1, (rows, side, 2)).astype(np.float32)
    cols = np.sin(np.arange(side) / FOOTPRINT_PX)
    for row in range(0, side, rows):
        number = min(rows, side - row)
        along = np.sin(np.arange(row, row + number) / FOOTPRINT_PX)
        sic = (50 + 50 * along[:, None] * cols).astype(np.float32)
        array[row : row + number, :, :2] = noise[:number] + sic[..., None] / 10 - (20, 28)
        array[row : row + number, :, 2] = sic
        cells.add(row, 0, sic)
    return array, cells


def sampler_of(array, cells):
    split = draw_split(cells, FOOTPRINT_PX, 0.2, np.random.default_rng(1))
    normalised = normalisation([moments(array, split)], ("HH", "HV"))
    return ChipSampler(array, cells, split, normalised, CHIP, Regression().label)


def fit_rate(network, sampler, device):
    """Chips per second of the fit."""
    settings = FitSettings(1, STEPS * BATCH, BATCH, 1e-3, l2=L2)
    done = fit(network, sampler.draw, squared_error, settings, device, SILENT)
    return done.chips / done.seconds


def bare_rate(network, tensors, optimiser, device):
    """Chips per second of the bare loop."""
    pixels, targets = tensors
    started = time.perf_counter()
    for _ in range(STEPS):
        with device.autocast():
            output = network(pixels)
        total, count = squared_error(output, targets)
        optimiser.zero_grad(set_to_none=True)
        (total / count).backward()
        optimiser.step()
    if device.name == "cuda":
        torch.cuda.synchronize()
    return STEPS * BATCH / (time.perf_counter() - started)


def ratio():
    device = choose("auto")
    with tempfile.TemporaryFile() as file, seeded(1, device):
        sampler = sampler_of(*array_in(file, 2048))
        network = networks.build(CONFIG)
        bare = networks.build(CONFIG).to(device.name, memory_format=torch.channels_last)
        penalty = {id(weight) for weight in penalised(bare)}
        groups = [
            {"params": [p for p in bare.parameters() if id(p) in penalty], "weight_decay": 2 * L2},
            {"params": [p for p in bare.parameters() if id(p) not in penalty]},
        ]
        optimiser = torch.optim.Adam(groups, lr=1e-3, eps=1e-4, fused=True)
        batch = sampler.draw(BATCH, np.random.default_rng(2))

        def place(array):
            return torch.from_numpy(array).to(device.name)

        tensors = place(batch.pixels).permute(0, 3, 1, 2), Targets.of(batch, 1, place)
        fit_rate(network, sampler, device), bare_rate(bare, tensors, optimiser, device)
        turns = [
            (fit_rate(network, sampler, device), bare_rate(bare, tensors, optimiser, device))
            for _ in range(ROUNDS)
        ]
    report("train_chips_per_s", statistics.median(turn[0] for turn in turns), "chips/s")
    report("train_vs_bare_loop", statistics.median(a / b for a, b in turns), "ratio")


def anonymous_mib():
    """Anonymous memory of this process; the memory-mapped array's pages are not in it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def beyond_memory():
    device = choose("cpu")
    peak, stop = [0.0], threading.Event()

    def watch():
        while not stop.wait(0.02):
            peak[0] = max(peak[0], anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    side = int((ARRAY_BYTES / 12) ** 0.5)
    with tempfile.TemporaryFile() as file, seeded(1, device):
        sampler = sampler_of(*array_in(file, side))
        settings = FitSettings(1, 100, BATCH, 1e-3, l2=L2)
        fit(networks.build(CONFIG), sampler.draw, squared_error, settings, device, SILENT)
    stop.set()
    watcher.join()
    report("train_data_exceeds_memory", peak[0], "MiB")


if __name__ == "__main__":
    ratio()
    if Path("/proc/self/status").exists():
        beyond_memory()
