import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sic.read import read, recognise


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"", "the file is empty")]
)
def test_no_file(tmp_path, content, message):
    path = tmp_path / "sic.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SeaIceError, match=message):
        recognise(str(path))


def test_something_else(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("ice everywhere")
    with pytest.raises(SeaIceError, match=r"notes.txt: GDAL cannot open it"):
        read(str(path))
