import re
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from ml_core.reports import page
from ml_core.reports.figures import canvas, picture, style

NAME = '<script>alert("x")</script>'


class References(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self):
        super().__init__()
        self.found, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """Let templates stand in a folder of the test, beside copies of the real ones."""
    for source in page.resource_path("reports").iterdir():
        (tmp_path / source.name).write_text(source.read_text())
    monkeypatch.setattr(page, "resource_path", lambda name: tmp_path)
    (tmp_path / "try.html").write_text(
        '{% extends "base.html" %}{% import "parts.html" as parts %}'
        "{% block title %}{{ name }}{% endblock %}"
        "{% block content %}"
        "{% call parts.table({name: 1}, rows, name) %}{{ name }}{% endcall %}"
        "{% call parts.figure(plot, alt) %}{{ name }}{% endcall %}"
        '{{ parts.notice(name, "warning") }}'
        '{% call parts.facts([("a", 1.5)]) %}{{ parts.fact(name, name ~ ", again") }}{% endcall %}'
        '{% call parts.tiles([("RMSE", "1", "%", name)]) %}{{ parts.tile(name, "2") }}{% endcall %}'
        "{% endblock %}"
    )
    return tmp_path


@pytest.fixture
def plot():
    with style():
        figure = canvas(2, 2)
        figure.subplots().plot([0, 1], [0, 1])
        return picture(figure)


def rendered(folder, plot, rows):
    path = folder / "out.html"
    page.render("try.html", str(path), name=NAME, alt='a "line"', rows=rows, plot=plot)
    return path.read_text(encoding="utf-8")


def test_names_are_escaped_everywhere(templates, plot, tmp_path):
    text = rendered(tmp_path, plot, [[NAME]])
    assert "<script" not in text
    # title, heading, notice, tiles (2), facts (2), figure, table's caption, head, cell and note
    assert text.count("&lt;script&gt;") == 12
    assert "&amp;" not in text
    assert 'alt="a &#34;line&#34;"' in text


def test_a_page_refers_to_nothing_outside(templates, plot, tmp_path):
    text = rendered(tmp_path, plot, [[1.0]])
    references = References()
    references.feed(text)
    assert references.found
    assert all(value.startswith("data:") for value in references.found)
    assert not references.tags & {"script", "link", "iframe", "object"}
    assert "http:" not in text
    assert "https:" not in text
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in text


def test_numbers_are_aligned_and_rounded_as_their_column_says(templates, plot, tmp_path):
    text = rendered(tmp_path, plot, [[1.25], [None]])
    assert '<th scope="col" class="number">' in text
    assert '<td class="number">1.2</td>' in text
    assert '<td class="number">–</td>' in text


def test_a_row_must_fit_the_columns(templates, plot, tmp_path):
    with pytest.raises(ValueError, match="shorter than argument"):
        rendered(tmp_path, plot, [["x", "y"]])


def test_a_value_that_the_template_lacks_is_an_error(templates, tmp_path):
    with pytest.raises(UndefinedError, match="name"):
        page.render("try.html", str(tmp_path / "out.html"))


def test_the_real_templates_stand_beside_ml_core():
    assert page.resource_path("reports/base.html").is_file()
