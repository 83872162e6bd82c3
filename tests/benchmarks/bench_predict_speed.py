"""Predict on 100 Mpx against the bare forward pass and against torch as it comes.

All take turns, since a machine's speed drifts; each in a fresh process. The bare forward is that of
the tile size at which it is fastest.
"""

import statistics
from pathlib import Path

import material

ROUNDS = 3
SIDE = 10_000
BARE_SIDES = (512, 1024, 2240)
PROGRAM = Path(__file__).with_name("bare_forward.py")


def main():
    material.model(), material.scene(SIDE)
    bare = {side: [] for side in BARE_SIDES}
    eager, network, scene, lerc = [], [], [], []
    for _ in range(ROUNDS):
        for side in BARE_SIDES:
            bare[side].append(material.child(PROGRAM, "auto", side, 3))
        seconds, _, texts = material.predict(SIDE)
        network.append(material.rate(texts))
        scene.append(SIDE**2 / seconds)
        lerc.append(SIDE**2 / material.predict(SIDE, compression="lerc")[0])
        eager.append(material.child(PROGRAM, "eager", 1024, 3))
    best = max(statistics.median(rates) for rates in bare.values())
    network_rate, scene_rate = statistics.median(network), statistics.median(scene)
    for side, rates in bare.items():
        print(f"bare forward, tiles of {side} px: {statistics.median(rates) / 1e6:.2f} Mpx/s")
    print("; ".join(texts))
    material.report("bare_forward", best / 1e6, "Mpx/s")
    material.report("predict_scene", scene_rate / 1e6, "Mpx/s")
    material.report("processed_px_vs_bare", network_rate / best, "")
    material.report("scene_px_vs_bare", scene_rate / best, "")
    material.report("scene_px_vs_bare_lerc", statistics.median(lerc) / best, "")
    material.report("predict_vs_torch_default", network_rate / statistics.median(eager), "")


if __name__ == "__main__":
    main()
