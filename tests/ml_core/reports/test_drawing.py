import base64
import itertools
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from ml_core import networks
from ml_core.jobs.choices import ARCHITECTURES
from ml_core.networks import NetworkConfig
from ml_core.networks.describe import describe
from ml_core.reports.drawing import draw, figure_of
from ml_core.reports.figures import style


@contextmanager
def drawn(architecture, **settings):
    config = NetworkConfig.of(architecture, **settings)
    with style():
        yield figure_of(describe(networks.plan(config)))


def labels(figure):
    return [label for label in figure.axes[0].texts if label.get_text()]


def legend(figure):
    return [label.get_text() for label in figure.legends[0].get_texts()]


def test_the_drawing_shows_channels_sizes_and_skips():
    with drawn("unet", filters=16, depth=3) as figure:
        numbers = [label.get_text() for label in labels(figure)]
        entries = legend(figure)
        bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    # channels of the textbook figure, read along the U: copies joined on the way up
    down = [2, 16, 16, 16, 32, 32, 32, 64, 64, 64, 128, 128]
    up = [128, 64, 64, 64, 32, 32, 32, 16, 16, 1]
    sizes = ["160", "80", "40", "20"]
    assert [text for text in numbers if text not in sizes] == [str(n) for n in (*down, *up)]
    assert [text for text in numbers if text in sizes] == [*sizes, *sizes[-2::-1]]
    assert {"skip: copied and joined", "max-pooling 2 x 2, stride 2"} <= set(entries)
    assert [to_hex(bar.get_facecolor()) for bar in bars].count("#ffffff") == 3


def test_the_drawing_without_skips_has_none():
    with drawn("encoder_decoder", upsampling="resize", dropout=0) as figure:
        entries = legend(figure)
    assert "skip: copied and joined" not in entries
    assert "resize x 2" in entries
    assert not any("dropout" in text for text in entries)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        *((choice.id, {}) for choice in ARCHITECTURES),
        ("unet", {"depth": 7, "filters": 8, "dropout_position": "blocks"}),
        ("unet", {"depth": 1, "upsampling": "resize"}),
        ("same_resolution_cnn", {"depth": 20}),
        ("alexnet", {"patch_size": 227, "filters": 96}),
    ],
)
def test_every_label_is_inside_and_none_lies_on_another(architecture, settings):
    with drawn(architecture, **settings) as figure:
        figure.draw_without_rendering()  # gives the legend its place
        boxes = [label.get_window_extent() for label in labels(figure)]
        boxes.append(figure.legends[0].get_window_extent())
        page = figure.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)
    assert all(page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_the_picture_is_an_svg_in_the_page():
    picture = draw(describe(networks.plan(NetworkConfig.of("patch_cnn"))))
    head, content = picture.uri.split(",", 1)
    assert head == "data:image/svg+xml;base64"
    assert ElementTree.fromstring(base64.b64decode(content)).tag.endswith("svg")
