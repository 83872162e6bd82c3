import netCDF4
import numpy as np
import pytest

from ml_core.inputs.sic import flags


@pytest.fixture
def variable(tmp_path):
    """A function that makes a flag variable with attributes."""
    with netCDF4.Dataset(tmp_path / "flags.nc", "w") as dataset:
        dataset.createDimension("x", 4)

        def make(name="status_flag", **attributes):
            made = dataset.createVariable(name, "i2", ("x",))
            made.setncatts(attributes)
            return made

        yield make


BITS = {"flag_masks": np.array([1, 2, 8], np.int16), "flag_meanings": "land lake land_spill_over"}
VALUES = np.array([0, 2, 9, 8])


def test_bits_may_be_set_together(variable):
    found = {
        number: is_set.tolist() for number, _, is_set in flags.flagged(variable(**BITS), VALUES)
    }
    assert found == {
        1: [False, False, True, False],
        2: [False, True, False, False],
        8: [False, False, True, True],
    }
    assert flags.named(variable("other", **BITS), VALUES)[9] == "land + land spill over"


def test_values_exclude_each_other(variable):
    made = variable(flag_values=np.array([0, 2, 9], np.int16), flag_meanings="nominal lake odd")
    found = {text: is_set.tolist() for _, text, is_set in flags.flagged(made, VALUES)}
    assert found["lake"] == [False, True, False, False]
    assert found["odd"] == [False, False, True, False]
    assert flags.meanings(made) == {0: "nominal", 2: "lake", 9: "odd"}


def test_values_written_as_text(variable):
    made = variable(flag_values="1b, 2b", flag_meanings="land, lake")
    assert flags.meanings(made) == {1: "land", 2: "lake"}


def test_meanings_that_are_not_as_many_as_the_values(variable):
    made = variable(flag_values=np.array([1, 2], np.int16), flag_meanings="land")
    assert flags.meanings(made) == {1: "flag", 2: "flag"}


def test_cersat_explains_nothing(variable):
    made = variable("quality_flag")
    assert flags.are_bits(made)
    assert flags.named(made, np.array([12]))[12] == "coast + outside the region where ice occurs"
    assert flags.meanings(variable("status_flag")) == {}
