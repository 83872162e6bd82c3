"""Events: the JSON-lines codec and the reporter."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.errors import CancelledError
from ml_core.events import (
    Done,
    Failed,
    Message,
    Metric,
    Progress,
    Reporter,
    Started,
    decode,
    encode,
)

texts = st.text()
numbers = st.floats(allow_nan=False, allow_infinity=False)
any_event = st.one_of(
    st.builds(Started, texts, texts),
    st.builds(Progress, numbers),
    st.builds(Message, texts, st.sampled_from(["info", "warning"])),
    st.builds(Metric, texts, st.integers(), numbers, texts),
    st.builds(Done, st.dictionaries(texts, texts), st.dictionaries(texts, numbers)),
    st.builds(Failed, texts, texts),
)


@given(any_event)
def test_an_event_survives_its_line(event):
    line = encode(event)
    assert "\n" not in line
    assert line.isascii()
    assert decode(line) == event


@given(st.text())
def test_a_line_that_is_no_event_is_distinguished(line):
    assert decode(line) is None


@pytest.mark.parametrize(
    "line", ["3", "null", "[]", '{"event": "new kind"}', '{"event": "progress"}']
)
def test_json_that_is_no_event_is_distinguished(line):
    assert decode(line) is None


def test_fields_of_a_newer_worker_are_dropped():
    line = json.dumps({"event": "progress", "fraction": 0.5, "remaining_s": 3})
    assert decode(line) == Progress(0.5)


def test_progress_stays_within_its_bounds_and_parts_nest():
    seen = []
    report = Reporter(seen.append)
    report.progress(1.7)
    report.part(0.2, 0.6).part(0.5, 1.0).progress(0.5)
    report.part(0.5, 1.0).info("as it is")
    assert seen == [Progress(1.0), Progress(pytest.approx(0.5)), Message("as it is")]


def test_a_cancelled_run_stops_where_it_reports_progress():
    seen = []
    report = Reporter(seen.append, lambda: True)
    with pytest.raises(CancelledError):
        report.part(0, 0.5).progress(0.1)
    assert seen == []
