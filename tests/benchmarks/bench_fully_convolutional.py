"""The patch CNN, fully convolutional, against its patches one by one and in batches of 1024.

All three use the same weights and give the same values; the time is per pixel of the map. They take
turns, since a machine's speed drifts.
"""

import statistics
import time

import torch
from measuring import report

from ml_core import networks
from ml_core.networks import NetworkConfig
from ml_core.networks.module import PlannedNetwork

ROUNDS = 7
SIDE = 512
ALONE, BATCH = 300, 1024


def main():
    config = NetworkConfig.of("patch_cnn")
    as_map = networks.build(config, torch.Generator().manual_seed(1)).eval()
    patchwise = PlannedNetwork(networks.plan(config)).eval()
    patchwise.load_state_dict(as_map.state_dict())
    scene = torch.randn(1, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    patches = scene.unfold(2, 25, 1).unfold(3, 25, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    seconds = {"as_map": [], "one_by_one": [], "in_batches": []}

    def timed(name, pixels, work):
        start = time.perf_counter()
        result = work()
        seconds[name].append((time.perf_counter() - start) / pixels)
        return result

    with torch.inference_mode():
        for _ in range(ROUNDS):
            whole = timed("as_map", SIDE**2, lambda: as_map(scene))
            alone = timed(
                "one_by_one", ALONE, lambda: [patchwise(patches[i : i + 1]) for i in range(ALONE)]
            )
            batched = timed("in_batches", BATCH, lambda: patchwise(patches[:BATCH]))
    inner = whole[0, 0, 12:-12, 12:-12].flatten()
    difference = max(
        float((torch.cat(alone).flatten() - inner[:ALONE]).abs().max()),
        float((batched.flatten() - inner[:BATCH]).abs().max()),
    )
    per_pixel = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in per_pixel.items():
        report(f"patch_cnn_{name}", 1e6 * value, "µs per px")
    for name in ("one_by_one", "in_batches"):
        report(f"as_map_times_faster_than_{name}", per_pixel[name] / per_pixel["as_map"], "")
    report("as_map_largest_difference", difference, "SIC fraction")


if __name__ == "__main__":
    main()
