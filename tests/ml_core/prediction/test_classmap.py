import xml.etree.ElementTree as ET

import numpy as np
import pytest
import rasterio
import torch

from ml_core.errors import SeaIceError
from ml_core.networks import NetworkConfig
from ml_core.networks.classes import SicClasses
from ml_core.prediction.classmap import NODATA, ClassMap, check_classes, most_likely, palette
from ml_core.raster.grid import Window
from tests.builders.models import card_of

CLASSES = SicClasses.between((10, 90))


def test_the_most_likely_class_is_that_of_the_members_mean_probability():
    scores = np.random.default_rng(1).normal(0, 2, (4, 3, 20, 30)).astype(np.float32)
    valid = np.random.default_rng(2).random((20, 30)) < 0.9
    mean = torch.softmax(torch.from_numpy(scores), dim=1).mean(dim=0)
    expected = np.where(valid, mean.argmax(dim=0).numpy(), NODATA)
    np.testing.assert_array_equal(most_likely(scores, valid), expected)
    # probabilities are averaged, not scores: one sure member does not outvote three
    sure = np.array([[9.0, 0, 0], [0, 2, 0], [0, 2, 0], [0, 2, 0]])[..., None, None]
    assert most_likely(sure, np.ones((1, 1), bool)) == 1


def test_the_map_has_the_classes_names_and_ice_chart_colours(tmp_path, make_grid):
    path = str(tmp_path / "classes.tif")
    values = np.array([[0, 1], [2, NODATA]], np.uint8)
    with ClassMap(path, make_grid(2, 2), CLASSES, {"SEAICE_MODEL": "net"}, 128) as written:
        written.write(Window(0, 0, 2, 2), values)
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), values)
        assert dataset.nodata == NODATA
        assert dataset.tags()["SEAICE_MODEL"] == "net"
        colours = dataset.colormap(1)
    band = ET.parse(f"{path}.aux.xml").getroot().find("PAMRasterBand")
    names = [name.text for name in band.iter("Category")]
    assert names == ["0-10 %", "10-90 %", "90-100 %"]
    assert [colours[k][:3] for k in range(3)] == palette(CLASSES)


@pytest.mark.parametrize(("bounds", "which"), [((1,), 0), ((85, 95), 2)])
def test_a_class_in_the_middle_of_a_chart_class_has_its_colour(bounds, which):
    low_end = (0, 100, 255)  # ice free, 0 to 1 %, #0064ff
    high_end = (255, 0, 0)  # very close, #ff0000
    found = palette(SicClasses.between(bounds))[which]
    expected = low_end if which == 0 else high_end
    assert np.abs(np.subtract(found, expected)).max() <= 40


def test_a_network_without_classes_gives_no_map():
    with pytest.raises(SeaIceError, match="net gives SIC and no classes; leave Class map empty"):
        check_classes(card_of(NetworkConfig()), "net")
