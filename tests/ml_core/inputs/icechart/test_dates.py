from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_core.inputs.icechart.dates import date_in_name

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2025, 12, 31))


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("cis_SGRDREA_20200101T1800Z_pl_a.shp", "2020-01-01T18:00"),
        ("202001011805_CapeFarewell_RIC.shp", "2020-01-01T18:05"),
        ("ice_2020-01-31.gpkg", "2020-01-31"),
        ("nic_2020_01_31", "2020-01-31"),
        ("20200131", "2020-01-31"),
        ("chart", ""),
        ("chart_20201301.shp", ""),  # no month
        ("chart_20200230.shp", ""),  # no day
        ("202001012500.shp", ""),  # no hour
        ("chart_99990101.shp", ""),
        ("id_123456789.shp", ""),
        ("v20201301_20200131.shp", "2020-01-31"),
    ],
)
def test_dates_in_names(name, date):
    assert date_in_name(name) == date


@given(MOMENTS)
def test_every_day_and_time_is_read_as_it_was_written(moment):
    assert date_in_name(f"chart_{moment:%Y%m%d}.shp") == moment.date().isoformat()
    found = datetime.fromisoformat(date_in_name(f"{moment:%Y%m%dT%H%M}Z.shp"))
    assert timedelta(0) <= moment - found < timedelta(minutes=1)
