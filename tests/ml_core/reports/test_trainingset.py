import re

from ml_core.datasets.records import SceneRecord, SetRecord
from ml_core.reports.trainingset import write

SHARED = SetRecord(("HH", "HV"), 100.0, 32)


def record(name, histogram, hours=None, **more):
    values = dict(
        name=name,
        fingerprint=name,
        shape_px=(400, 300),
        crs="EPSG:3413",
        transform=(100.0, 0, 0, 0, -100.0, 0),
        footprint_m=1000.0,
        inputs={},
        acquisition={"SEAICE_PLATFORM": "S1A"},
        reference_date="2024-03-01",
        hours_apart=hours,
        chips=9,
        pixels=sum(histogram),
        sic_histogram=histogram,
        mean=(-12.25, -22.5),
        std=(3.0, 2.0),
    )
    return SceneRecord(**{**values, **more})


def page_of(tmp_path, *records, shared=SHARED):
    write(str(tmp_path / "set.html"), "set", shared, records)
    return (tmp_path / "set.html").read_text(encoding="utf-8")


def test_scenes_far_from_their_reference_and_rare_sic_are_named(tmp_path):
    even = (100,) * 10
    page = page_of(tmp_path, record("first", even, 2.0), record("late <b>", even, -30.5))
    assert "more than 24 h" in page
    assert re.search(r"in which the ice drifts: late &lt;b&gt;", page)
    assert re.search(r">50(\.0)?<", page)  # the mean SIC
    few = (1000, 0, *(1000,) * 8)
    assert "10-20 %" in page_of(tmp_path, record("a", few))


def test_an_empty_set_has_a_page(tmp_path):
    assert "set" in page_of(tmp_path)


def test_an_extra_channel_is_listed_without_a_unit(tmp_path):
    shared = SetRecord(("HH", "HV", "incidence_angle", "tb_18v"), 100.0, 32)
    one = record("a", (1000,) * 10, mean=(-12.25, -22.5, 31.0, 213.56), std=(3.0, 2.0, 7.0, 0.0125))
    page = page_of(tmp_path, one, shared=shared)
    heads = re.findall(r"<th[^>]*>((?:HH|HV|incidence_angle|tb_18v) [^<]*)</th>", page)
    assert heads[::2] == [
        "HH mean [dB]",
        "HV mean [dB]",
        "incidence_angle mean [deg]",
        "tb_18v mean",
    ]
    assert ">213.6<" in page
    assert ">0.0125<" in page
