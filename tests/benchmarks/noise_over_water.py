"""How level HV is over uniform water once its noise is corrected: --seeds, --lines, --noise.

Real annotation (SEAICE_TEST_DATA) and simulated pixels of 10.7 looks, whose noise is 1.0 to 1.5
times the annotated in each subswath, drawn by the seed, and shifted by up to --shift pixels. The
product is imported at 80 m and read as a network reads it, at 150 m. Printed are, over the seeds:
the error of the mean in each subswath, of power and of dB; HV's jump across each border over 10 km;
and by how much its deviation differs across them.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from measuring import report, run_job

from ml_core.inputs.sentinel1.noiseremoval import ImageSource
from ml_core.inputs.sentinel1.product import Product
from ml_core.jobs import PredictJob
from ml_core.raster.scene import Scene
from tests.builders.safe import real_annotation_product

LOOKS = 10.7
BESIDE_DEG = 0.05, 0.6
"""What is compared beside a border: incidence angles that span some 10 km."""


def water(folder, level_db, seed, lines, shift):
    """Write a product of uniform water under noise that is not as annotated."""
    generator = np.random.default_rng(seed)
    scale = generator.uniform(1, 1.5, 5)
    shifts = generator.integers(-shift, shift + 1, 5) if shift else np.zeros(5, int)
    # a first product, for its tables alone
    tables = real_annotation_product(Path(folder, "tables"), lines=lines, images=_nothing)
    product = Product(str(tables))

    def images(polarisation, shape):
        source = ImageSource.read(product, polarisation)
        level = 10 ** ((level_db if polarisation == "HV" else -16.0) / 10)
        for start in range(0, shape[0], 128):
            stop = min(start + 128, shape[0])
            factor = source.calibration.rows(start, stop) ** 2
            noise = source.noise.rows(start, stop)
            if polarisation == "HV":
                noise = _wrong(noise, scale, shifts)
            speckle = generator.standard_gamma(LOOKS, noise.shape, dtype=np.float32) / LOOKS
            numbers = np.sqrt((level * factor + noise) * speckle).round().astype(np.uint16)
            # a product has nothing where a subswath has not begun
            seen = np.zeros(numbers.shape, bool)
            for subswath in source.annotation.subswaths:
                for top, bottom, left, right in subswath.parts:
                    lines_seen = slice(max(top - start, 0), max(bottom + 1 - start, 0))
                    seen[lines_seen, left : right + 1] = True
            yield np.where(seen, numbers, 0).astype(np.uint16)

    return real_annotation_product(Path(folder, "water"), lines=lines, images=images)


EDGES = 0, 3112, 5013, 7084, 8959, 10487


def _nothing(_, shape):
    for start in range(0, shape[0], 256):
        yield np.zeros((min(256, shape[0] - start), shape[1]), np.uint16)


def _wrong(noise, scale, shifts):
    true = noise.copy()
    for first, stop, k, shift in zip(EDGES, EDGES[1:], scale, shifts):
        places = np.clip(np.arange(first, stop) - shift, first, stop - 1)
        true[:, first:stop] = k * noise[:, places]
    return true


def subswaths(folder, level_db, noise, product):
    """Import and read; return per subswath the errors of the mean, per border jump and ratio."""
    names = {name: str(Path(folder, f"{name}.tif")) for name in ("hh", "hv", "incidence")}
    run = run_job("importsentinel1", product=str(product), noise=noise, **names)
    with Scene.open(PredictJob(model="m", output="o", **names), 150.0) as scene:
        values, valid = scene.read(scene.grid.window)
    hv, angle = values[1][valid], values[2][valid]
    edges = angle_of_edges(product)
    means, borders = [], []
    for near, far in zip(edges, edges[1:]):
        part = hv[(angle > near + 0.1) & (angle < far - 0.1)]
        power_db = 10 * np.log10(np.mean(10 ** (part.astype(float) / 10)))
        means.append((power_db - level_db, float(part.mean()) - level_db))
    for edge in edges[1:-1]:
        near, far = (
            hv[(sign * (angle - edge) > BESIDE_DEG[0]) & (sign * (angle - edge) < BESIDE_DEG[1])]
            for sign in (-1, 1)
        )
        spread = near.std() / far.std()
        borders.append((float(far.mean() - near.mean()), max(spread, 1 / spread)))
    return np.array(means), np.array(borders), run


def angle_of_edges(product):
    """Return the incidence angle at the edges of the subswaths."""
    grid = ImageSource.read(Product(str(product)), "HV").annotation.grid
    return np.interp(EDGES, grid.pixel, grid.incidence_deg.mean(axis=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--noise", default="scaled")
    options = parser.parse_args()
    for level_db in (-31.0, -34.0):
        found = []
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                for name in ("tables", "water"):
                    Path(folder, name).mkdir()
                product = water(folder, level_db, seed, options.lines, options.shift)
                found.append(subswaths(folder, level_db, options.noise, product)[:2])
        means, borders = (np.abs(np.stack(part)) for part in zip(*found))
        at = f"{options.noise}_{-level_db:.0f}db"
        for k in range(5):
            report(f"{at}_EW{k + 1}_mean_error_worst", means[:, k, 0].max(), "dB")
            report(f"{at}_EW{k + 1}_mean_error_median", np.median(means[:, k, 0]), "dB")
            report(f"{at}_EW{k + 1}_mean_of_db_error_worst", means[:, k, 1].max(), "dB")
        report(f"{at}_jump_median", np.median(borders[..., 0]), "dB")
        report(f"{at}_jump_worst", borders[..., 0].max(), "dB")
        report(f"{at}_deviation_ratio_median", np.median(borders[..., 1]), "")
        report(f"{at}_deviation_ratio_worst", borders[..., 1].max(), "")


if __name__ == "__main__":
    main()
