"""The bare forward pass: a network on tiles in memory, nothing read and nothing written.

`bare_forward.py RUNTIME SIDE SECONDS` prints its px/s as JSON. RUNTIME is ``auto``, as predict
takes it, or ``eager``: torch as it comes, float32.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ml_core import checkpoint
from ml_core.events import Reporter
from ml_core.networks import NetworkConfig, restore
from ml_core.prediction.runtimes.choose import make_runtime

MODEL = "build/bench/unet.safetensors"


def main(name, side, seconds):
    card, tensors = checkpoint.load(MODEL)
    state = checkpoint.member(tensors, 0)
    tile = np.random.default_rng(0).normal(size=(1, 2, side, side)).astype(np.float32)
    if name == "eager":
        import torch

        network = restore(NetworkConfig.from_dict(card.network), state)
        x, parallel = torch.from_numpy(tile), 1
        prepare = None

        def forward(_):
            with torch.inference_mode():
                network(x)
    else:
        runtime = make_runtime("auto", "auto", card, [state], Reporter(lambda event: None))
        parallel = runtime.parallel

        def prepare():
            runtime.prepare(tile.shape)

        def forward(_):
            runtime(tile)

    with ThreadPoolExecutor(parallel, initializer=prepare) as pool:
        list(pool.map(forward, range(parallel)))  # takes its memory
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            list(pool.map(forward, range(2 * parallel)))
            count += 2 * parallel
        elapsed = time.perf_counter() - started
    print(json.dumps(count * side**2 / elapsed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
