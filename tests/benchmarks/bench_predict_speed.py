"""Predict on 100 Mpx against the bare forward pass and against torch as it comes.

All take turns, since a machine's speed drifts; each in a fresh process. Ratios are taken within a
round, and their median over the rounds is given. The bare forward is that of the tile size at which
it is fastest. The scene is as the import writes it; figures of `full_floats` are those of one whose
values are not rounded.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import scene
from measuring import ROOT, report

ROUNDS = 5
SIDE = 10_000
BARE_SIDES = (512, 1024, 2656)
PROGRAM = Path(__file__).with_name("bare_forward.py")


def main():
    scene.model(), scene.scene(SIDE), scene.scene(SIDE, rounded=False)
    bare = {side: [] for side in BARE_SIDES}
    eager, lerc = [], []
    network, whole = {True: [], False: []}, {True: [], False: []}  # by whether values are rounded
    for _ in range(ROUNDS):
        for side in BARE_SIDES:
            bare[side].append(bare_forward("auto", side))
        for rounded in (True, False):
            run = scene.predict(SIDE, rounded=rounded)
            network[rounded].append(scene.rate(run))
            whole[rounded].append(SIDE**2 / run.seconds)
        lerc.append(SIDE**2 / scene.predict(SIDE, compression="lerc").seconds)
        eager.append(bare_forward("eager", 1024))
    best = max(bare.values(), key=statistics.median)
    for side, rates in bare.items():
        print(f"bare forward, tiles of {side} px: {statistics.median(rates) / 1e6:.2f} Mpx/s")
    print("; ".join(run.texts))
    report("bare_forward", statistics.median(best) / 1e6, "Mpx/s")
    report("predict_scene", statistics.median(whole[True]) / 1e6, "Mpx/s")
    report("processed_px_vs_bare", ratio(network[True], best), "")
    report("scene_px_vs_bare", ratio(whole[True], best), "")
    report("scene_px_vs_bare_lerc", ratio(lerc, best), "")
    report("processed_px_vs_bare_full_floats", ratio(network[False], best), "")
    report("scene_px_vs_bare_full_floats", ratio(whole[False], best), "")
    report("predict_vs_torch_default", ratio(network[True], eager), "")


def bare_forward(runtime, side):
    """The px/s of the bare forward pass over tiles of side x side px, in a fresh process."""
    command = [sys.executable, str(PROGRAM), runtime, str(side), "3"]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=path
    )
    return json.loads(done.stdout.splitlines()[-1])


def ratio(rates, others):
    return statistics.median(a / b for a, b in zip(rates, others, strict=True))


if __name__ == "__main__":
    main()
