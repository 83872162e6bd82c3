"""Time and peak memory of predict by the size of the scene and by cores."""

import os

import material

SIDES = {25: 5_000, 100: 10_000, 400: 20_000}


def main():
    peaks = {}
    for megapixels, side in SIDES.items():
        seconds, peak, _ = material.predict(side)
        peaks[megapixels] = peak
        material.report(f"predict_{megapixels}_mpx", megapixels / seconds, "Mpx/s")
        material.report(f"predict_{megapixels}_mpx_peak_rss", peak, "MiB")
    for cores in range(1, len(os.sched_getaffinity(0)) + 1):
        seconds, _, _ = material.predict(SIDES[25], cores=cores)
        material.report(f"predict_25_mpx_{cores}_cores", 25 / seconds, "Mpx/s")
    material.report("predict_peak_rss_mib", peaks[100], "MiB")
    material.report("predict_rss_growth", peaks[400] / peaks[25], "")


if __name__ == "__main__":
    main()
