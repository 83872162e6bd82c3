import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sentinel1.store import open_store
from tests.builders.safe import MadeUp, zipped


@pytest.fixture
def safe(tmp_path):
    return MadeUp(lines=20, samples=30).write(tmp_path / "download")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_files_are_listed_and_read_below_the_root(safe, tmp_path, kind):
    path = safe if kind == "folder" else zipped(safe, tmp_path / "product.zip")
    store = open_store(str(path))
    expected = {
        file.relative_to(safe).as_posix(): file.stat().st_size
        for file in safe.rglob("*")
        if file.is_file()
    }
    assert store.sizes == expected
    assert list(store.sizes) == sorted(store.sizes)
    content = (safe / "manifest.safe").read_bytes()
    assert store.read_xml("manifest.safe") == content
    assert store.read_xml("manifest.safe", 10) == content[:10]
    assert store.gdal_path("manifest.safe").startswith("/vsizip/") == (kind == "zip")


def test_a_file_too_large_for_an_annotation_is_not_read(safe):
    store = open_store(str(safe))
    large = dict.fromkeys(store.sizes, 2**40)
    object.__setattr__(store, "sizes", large)
    with pytest.raises(SeaIceError, match=f"has {2**40} bytes, too many for an annotation"):
        store.read_xml("manifest.safe")


def test_an_encrypted_zip_is_refused(safe, tmp_path):
    path = tmp_path / "product.zip"
    zipped(safe, path)
    content = bytearray(path.read_bytes())
    # the flag of the directory's entries, at offset 8 behind their signature
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    path.write_bytes(content)
    with pytest.raises(SeaIceError, match="is encrypted; decrypt it first"):
        open_store(str(path))
