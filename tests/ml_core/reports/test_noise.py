import re

import numpy as np
import pytest

from ml_core.errors import JobError, SeaIceError
from ml_core.jobs import ImportSentinel1Job
from tests.builders.jobs import execute
from tests.builders.safe import MadeUp

WATER = 10**-3.1


def near_range_product(folder, **changes):
    """Water under noise that is 1.4 times the annotated in the first subswath."""
    pixel = np.arange(2000)
    level = np.repeat([3.6e-3, 1.3e-3, 1.1e-3, 0.7e-3, 0.6e-3], 400)
    noise = 600**2 * level * (1 + 0.5 * np.cos(np.pi * (pixel % 400) / 200))
    true = noise * np.repeat([1.4, 1, 1, 1, 1], 400)
    speckle = np.random.default_rng(0).standard_gamma(10, (1600, 2000)) / 10
    numbers = np.sqrt((WATER * 600**2 + true) * speckle).round()
    return MadeUp(
        lines=1600,
        samples=2000,
        noise_range=[(0, pixel, noise)],
        digital_numbers={"HV": numbers},
        **changes,
    ).write(folder)


def test_it_shows_the_correction_and_the_steps(tmp_path):
    page = tmp_path / "noise.html"
    product = near_range_product(tmp_path)
    hv = str(tmp_path / "hv.tif")
    done, _ = execute(ImportSentinel1Job(product=str(product), hv=hv, report=str(page)))
    assert done.outputs["REPORT"] == str(page)
    text = page.read_text(encoding="utf-8")
    assert text.count("<img") + text.count("<svg") >= 2
    rows = [
        re.findall(r"<td[^>]*>([^<]*)<", row) for row in re.findall(r"<tr>.*?</tr>", text, re.S)
    ]
    rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if row}
    before, after = (float(cell.replace("−", "-")) for cell in rows["EW1/EW2"])
    assert before < -2
    assert abs(after) < 0.5
    assert float(rows["EW1"][0]) == pytest.approx(1.4, abs=0.05)
    assert "too bright to say much" not in text


def test_it_is_for_corrected_noise_alone(tmp_path):
    with pytest.raises(JobError, match="set Thermal noise to scaled, or leave the report empty"):
        ImportSentinel1Job(product="p", hv="hv.tif", report="noise.html", noise="esa")
    product = near_range_product(tmp_path, subswaths=0)
    names = {"hv": str(tmp_path / "hv.tif"), "report": str(tmp_path / "noise.html")}
    with pytest.raises(SeaIceError, match="its noise is not corrected"):
        execute(ImportSentinel1Job(product=str(product), **names))
    assert not list(tmp_path.glob("*.tif")) + list(tmp_path.glob("*.html"))
