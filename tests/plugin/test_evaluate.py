"""Evaluating inside QGIS: results, the report, and the difference's style."""

from __future__ import annotations

from pathlib import Path

import processing
import pytest
from qgis.core import QgsRasterLayer, QgsSingleBandPseudoColorRenderer

pytestmark = pytest.mark.usefixtures("plugin")


@pytest.fixture
def scene(tmp_path):
    """A simulated scene: its true SIC, and the reference that a radiometer would give."""
    names = ("HH", "HV", "TRUE_SIC", "REFERENCE")
    files = {name: str(tmp_path / f"{name.lower()}.tif") for name in names}
    size = {"WIDTH": 256, "HEIGHT": 256, "RESOLUTION": 500, "REFERENCE_PIXEL": 12500}
    processing.run("seaice:simulatescene", {**size, **files})
    return files


def test_the_true_sic_agrees_with_its_own_reference(scene, tmp_path):
    results = processing.run(
        "seaice:evaluate",
        {
            "PREDICTION": scene["TRUE_SIC"],
            "REFERENCE": scene["REFERENCE"],
            "HH": scene["HH"],
            "HV": scene["HV"],
            "REPORT": str(tmp_path / "report.html"),
            "TABLE": str(tmp_path / "table.csv"),
            "DIFFERENCE": str(tmp_path / "difference.tif"),
        },
    )
    assert results["COUNT"] > 50
    assert results["RMSE"] < 8
    assert results["RMSE"] < results["BASELINE_RMSE"]
    text = Path(results["REPORT"]).read_text(encoding="utf-8")
    assert "true_sic" in text
    assert Path(results["TABLE"]).read_text(encoding="utf-8").startswith("section,item,quantity")
    layer = QgsRasterLayer(results["DIFFERENCE"], "difference")
    assert isinstance(layer.renderer(), QgsSingleBandPseudoColorRenderer)
    legend = [text for text, _ in layer.renderer().legendSymbologyItems()]
    assert "0 %" in legend
