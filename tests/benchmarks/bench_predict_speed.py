"""Predict on 100 Mpx against the bare forward pass and against torch as it comes.

All take turns, since a machine's speed drifts; each in a fresh process. Ratios are taken within a
round, and their median over the rounds is given. The bare forward is that of the tile size at which
it is fastest. The scene is as the import writes it; figures of `full_floats` are those of one whose
values are not rounded.
"""

import statistics
from pathlib import Path

import material

ROUNDS = 5
SIDE = 10_000
BARE_SIDES = (512, 1024, 2656)
PROGRAM = Path(__file__).with_name("bare_forward.py")


def main():
    material.model(), material.scene(SIDE), material.scene(SIDE, rounded=False)
    bare = {side: [] for side in BARE_SIDES}
    eager, network, scene, lerc = [], [], [], []
    network_full, scene_full = [], []
    for _ in range(ROUNDS):
        for side in BARE_SIDES:
            bare[side].append(material.child(PROGRAM, "auto", side, 3))
        seconds, _, texts = material.predict(SIDE)
        network.append(material.rate(texts))
        scene.append(SIDE**2 / seconds)
        lerc.append(SIDE**2 / material.predict(SIDE, compression="lerc")[0])
        seconds, _, full_texts = material.predict(SIDE, rounded=False)
        network_full.append(material.rate(full_texts))
        scene_full.append(SIDE**2 / seconds)
        eager.append(material.child(PROGRAM, "eager", 1024, 3))
    best = max(bare.values(), key=statistics.median)
    for side, rates in bare.items():
        print(f"bare forward, tiles of {side} px: {statistics.median(rates) / 1e6:.2f} Mpx/s")
    print("; ".join(texts))
    material.report("bare_forward", statistics.median(best) / 1e6, "Mpx/s")
    material.report("predict_scene", statistics.median(scene) / 1e6, "Mpx/s")
    material.report("processed_px_vs_bare", ratio(network, best), "")
    material.report("scene_px_vs_bare", ratio(scene, best), "")
    material.report("scene_px_vs_bare_lerc", ratio(lerc, best), "")
    material.report("processed_px_vs_bare_full_floats", ratio(network_full, best), "")
    material.report("scene_px_vs_bare_full_floats", ratio(scene_full, best), "")
    material.report("predict_vs_torch_default", ratio(network, eager), "")


def ratio(rates, others):
    return statistics.median(a / b for a, b in zip(rates, others, strict=True))


if __name__ == "__main__":
    main()
