from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml_core.errors import SeaIceError
from ml_core.events import Reporter
from ml_core.observation.times import Period, TimeDifference, hours_apart

MOMENTS = st.datetimes(datetime(2014, 1, 1), datetime(2030, 1, 1))


def tags(start, stop=""):
    found = {"SEAICE_START": start, "SEAICE_STOP": stop}
    return {name: text for name, text in found.items() if text}


def between(acquired, date):
    return TimeDifference.between("hh.tif", tags(acquired), "sic.tif", date)


@pytest.mark.parametrize(
    ("acquired", "date", "hours"),
    [
        ("2024-03-01T00:00:00", "2024-03-01", 0),
        ("2024-03-01T23:59:59.500000", "2024-03-01", 0),
        ("2024-03-01T18:00:00", "2024-03-02", 6),
        ("2024-03-02T07:30:00", "2024-03-01", -7.5),
        ("2024-03-01T06:00:00", "2024-03-01T05:30:00Z", -0.5),
        ("2024-03-01T06:00:00", "2024-03-01T09:00+02:00", 1),
        ("2024-03-01T06:00:00Z", "2024-03-01T12:00", 6),
        ("2024-02-29T12:00:00", "2024-03-01", 12),
        # of three days one is granted
        ("2024-03-02T12:00:00", "2024-03-01/2024-03-03", 48),
        ("2024-03-01T06:00:00", "2024-03-01T00:00/2024-03-01T12:00", 0),
        ("2024-03-01T15:00:00", "2024-03-01T00:00/2024-03-01T12:00", -3),
    ],
)
def test_hours_from_a_scene_to_its_reference(acquired, date, hours):
    found = between(acquired, date)
    assert found.hours == hours
    assert found.is_notable == (abs(hours) >= 6)


@given(MOMENTS, st.integers(-400, 400))
def test_a_day_is_as_far_as_its_nearer_end(moment, days):
    date = (moment + timedelta(days=days)).date()
    start = datetime(date.year, date.month, date.day)
    nearest = min(max(moment, start), start + timedelta(days=1))
    expected = (nearest - moment).total_seconds() / 3600
    found = between(moment.isoformat(), date.isoformat()).hours
    assert found == pytest.approx(expected, abs=0.006)


@given(*[st.tuples(MOMENTS, st.floats(0, 2000))] * 2)
def test_the_other_way_round_it_is_as_far_and_of_the_other_sign(first, second):
    periods = [
        Period(*(m.replace(tzinfo=timezone.utc) for m in (start, start + timedelta(hours=hours))))
        for start, hours in (first, second)
    ]
    there, back = hours_apart(*periods), hours_apart(*periods[::-1])
    assert abs(there) == abs(back)
    middles = [period.start + period.length / 2 for period in periods]
    assume(middles[0] != middles[1])
    assert there == -back


@pytest.mark.parametrize(
    "text", ["", "/", "spring", "2024-13-01", "2024-03-02/2024-03-01", "9999-12-31", "/2024-03-01"]
)
def test_what_is_no_period(text):
    assert Period.parse(text) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-01/2024-03-31", "2024-03-01 to 2024-03-31"),
        ("2024-03-01T14:30:12", "2024-03-01 14:30"),
        ("2024-03-01T14:30:00/2024-03-01T14:31:04", "2024-03-01 14:30"),
        ("2024-02-29T12:00/2024-03-01T12:00", "2024-02-29 12:00 to 2024-03-01 12:00"),
    ],
)
def test_a_period_in_words(text, shown):
    assert str(Period.parse(text)) == shown


def test_the_tags_of_a_product_and_of_an_imported_reference_give_its_period():
    scene = Period.of_tags(tags("2024-03-01T23:59:30", "2024-03-02T00:00:34"))
    assert scene.length == timedelta(seconds=64)
    assert Period.of_tags({"SEAICE_DATE": "2024-03-01"}).length == timedelta(days=1)
    assert Period.of_tags(tags("2024-03-01T12:00:00", "later")).length == timedelta(0)
    assert Period.of_tags({"SEAICE_STOP": "2024-03-01T12:00:00"}) is None


def test_close_times_say_nothing(recorder):
    between("2024-03-01T12:00:00", "2024-03-01").check(0).log(Reporter(recorder))
    assert not recorder.texts()


def test_six_hours_are_warned_of(recorder):
    between("2024-03-01T17:00:00", "2024-03-01T23:30").check(24).log(Reporter(recorder))
    assert recorder.texts("warning") == [
        "hh.tif is of 2024-03-01 17:00, sic.tif of 2024-03-01 23:30: 6.5 h apart, in which ice"
        " drifts, so that they show different ice"
    ]


@pytest.mark.parametrize("acquired", ["", "2024-03-01T12:00:00"])
@pytest.mark.parametrize("date", ["", "spring", "2024-03-01"])
def test_what_is_unknown_is_said_and_no_error(acquired, date, recorder):
    found = between(acquired, date)
    found.check(0).log(Reporter(recorder))
    unknown = ["hh.tif"] * (not acquired) + ["sic.tif"] * (date != "2024-03-01")
    if unknown:
        assert found.hours is None
        assert f"The time of {' and '.join(unknown)} is unknown" in recorder.text
    assert not recorder.texts("warning")


@pytest.mark.parametrize(("most_h", "refused"), [(0, True), (24, True), (25.9, True), (26, False)])
def test_more_than_is_allowed_is_refused(most_h, refused):
    found = between("2024-03-03T02:00:00", "2024-03-01")
    if not refused:
        assert found.check(most_h) is found
        return
    with pytest.raises(SeaIceError) as caught:
        found.check(most_h)
    assert "hh.tif is of 2024-03-03 02:00, sic.tif of 2024-03-01: 26.0 h apart" in str(caught.value)
    assert f"a Largest time difference of more than {most_h:g} h" in str(caught.value)
