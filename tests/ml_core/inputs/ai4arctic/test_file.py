import shutil

import netCDF4
import numpy as np
import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.ai4arctic.file import Ai4ArcticFile, reference_beside, scene_paths
from tests.builders.ai4arctic import MadeUpArctic

MADE = MadeUpArctic(shape=(60, 64))


def error_of(path):
    with pytest.raises(SeaIceError) as caught, Ai4ArcticFile.open(str(path)) as file:
        file.chart_variable()
    return str(caught.value)


def test_both_layouts_are_recognised_with_their_acquisition(tmp_path):
    expected = {
        "SEAICE_PRODUCT": MADE.product,
        "SEAICE_PLATFORM": "S1A",
        "SEAICE_MODE": "EW",
        "SEAICE_START": "2018-01-24T19:47:59",
        "SEAICE_STOP": "2018-01-24T19:48:59",
    }
    with Ai4ArcticFile.open(str(MADE.raw(tmp_path))) as file:
        assert (file.layout, file.shape, file.nominal_pixel_m) == ("raw", (60, 64), 40)
        assert file.tags() == {**expected, "SEAICE_SOURCE": "AI4Arctic, raw"}
        assert file.chart_time == "2018-01-24T19:47:00Z"
    with Ai4ArcticFile.open(str(MADE.ready(tmp_path))) as file:
        assert (file.layout, file.shape, file.nominal_pixel_m) == ("ready", (30, 32), 80)
        assert file.tags() == {**expected, "SEAICE_SOURCE": "AI4Arctic, ready-to-train"}
        assert file.chart_time == ""  # a file of this layout does not tell it


def test_the_time_of_a_canadian_chart_and_a_start_without_a_product(tmp_path):
    made = MadeUpArctic(shape=(60, 64), chart="cis_SGRDIEA_20190105T1023Z_pl_a")
    with Ai4ArcticFile.open(str(made.raw(tmp_path))) as file:
        assert file.chart_time == "2019-01-05T10:23:00Z"
    path = made.ready(tmp_path)
    with netCDF4.Dataset(path, "a") as file:
        del file.original_id
    with Ai4ArcticFile.open(str(path)) as file:
        assert file.tags()["SEAICE_START"] == "2018-01-24T19:47:59"
        assert "SEAICE_PLATFORM" not in file.tags()


@pytest.mark.parametrize(
    "name", ["20180124T194759_dmi_prep_reference", "20180124T194759_dmi_reference"]
)
def test_the_chart_of_a_test_scene_lies_beside_it(tmp_path, name):
    path = MADE.ready(tmp_path, apart=True)
    beside = tmp_path / f"{name}.nc"
    (tmp_path / "20180124T194759_dmi_prep_reference.nc").rename(beside)
    assert reference_beside(path) == beside
    assert scene_paths(str(tmp_path)) == [path]
    with Ai4ArcticFile.open(str(path)) as file:
        assert file.read(file.chart_variable(), slice(None)).max() == 255


def test_fill_values_scales_and_offsets_are_undone():
    with netCDF4.Dataset("memory", "w", diskless=True) as file:
        file.createDimension("n", 3)
        variable = file.createVariable("values", "i2", ("n",), fill_value=-9)
        variable.scale_factor, variable.add_offset = 0.5, 10.0
        variable.set_auto_maskandscale(False)
        variable[:] = [-9, 2, 4]
        found = Ai4ArcticFile.decoded(variable, np.asarray(variable[:]))
    assert found.tolist() == pytest.approx([np.nan, 11, 12], nan_ok=True)


def test_a_foreign_file_is_named_with_what_is_in_it(tmp_path):
    path = tmp_path / "sic.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 2)
        file.createVariable("ice_conc", "f4", ("x",))
    text = error_of(path)
    assert "sic.nc: is no file of the AI4Arctic challenge" in text
    assert "its variables are ice_conc" in text
    path.write_bytes(b"no NetCDF")
    assert "cannot be opened as NetCDF" in error_of(path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_that_is_cut_short_is_to_be_downloaded_again(tmp_path, share):
    path = MADE.raw(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "download it again" in error_of(path)


def test_values_that_cannot_be_decompressed_are_an_error(tmp_path):
    path = MADE.raw(tmp_path)
    content = bytearray(path.read_bytes())
    at = content.find(b"\x78\x01")  # a compressed chunk begins with zlib's two bytes
    content[at : at + 200] = bytes(200)
    path.write_bytes(content)

    def read_all(file):
        for name in ("nersc_sar_primary", "nersc_sar_secondary", "polygon_icechart"):
            file.read(file.variable(name), slice(None))

    with (
        Ai4ArcticFile.open(str(path)) as file,
        pytest.raises(SeaIceError, match=r"cannot be read .* damaged, download it again"),
    ):
        read_all(file)


def test_what_is_missing_is_named(tmp_path):
    assert "has no variable nersc_sar_primary; its variables are" in error_of(
        MADE.raw(tmp_path, without=("nersc_sar_primary",))
    )
    assert "has no ice chart: no variable polygon_icechart" in error_of(
        MADE.raw(tmp_path, without=("polygon_icechart",))
    )
    assert "no variable SIC, and there is no file …_reference.nc beside it" in error_of(
        MADE.ready(tmp_path, without=("SIC",))
    )


def test_a_chart_of_another_size_is_refused(tmp_path):
    path = MADE.ready(tmp_path, apart=True)
    other = tmp_path / "other"
    other.mkdir()
    MadeUpArctic(shape=(80, 64)).ready(other, apart=True)
    shutil.copy(other / f"{MADE.stem}_prep_reference.nc", tmp_path)
    assert "SIC has 40 x 32 px, the image 30 x 32" in error_of(path)


def test_a_folder_gives_its_scenes_and_an_empty_one_an_error(tmp_path):
    with pytest.raises(SeaIceError, match=r"no file \.nc is in the folder"):
        scene_paths(str(tmp_path))
    raw = MADE.raw(tmp_path)
    assert scene_paths(str(raw)) == [raw]
    assert scene_paths(str(tmp_path)) == [raw]
