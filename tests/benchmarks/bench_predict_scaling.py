"""Time and peak memory of predict by the size of the scene and by cores."""

import os

import scene
from measuring import report

SIDES = {25: 5_000, 100: 10_000, 400: 20_000}


def main():
    runs = {megapixels: scene.predict(side) for megapixels, side in SIDES.items()}
    for megapixels, run in runs.items():
        report(f"predict_{megapixels}_mpx", megapixels / run.seconds, "Mpx/s")
        report(f"predict_{megapixels}_mpx_peak_rss", run.peak_mib, "MiB")
    for cores in range(1, len(os.sched_getaffinity(0)) + 1):
        run = scene.predict(SIDES[25], cores=cores)
        report(f"predict_25_mpx_{cores}_cores", 25 / run.seconds, "Mpx/s")
    report("predict_peak_rss_mib", runs[100].peak_mib, "MiB")
    report("predict_rss_growth", runs[400].peak_mib / runs[25].peak_mib, "")


if __name__ == "__main__":
    main()
