import re
import shutil
import zipfile

import pytest

from ml_core.errors import SeaIceError
from ml_core.inputs.sentinel1.annotation import read_annotation
from ml_core.inputs.sentinel1.product import Product
from tests.builders.safe import MadeUp, real_annotation, zipped


@pytest.fixture
def safe(tmp_path):
    return MadeUp(lines=60, samples=80).write(tmp_path)


def test_a_product_is_found_by_folder_manifest_parent_and_zip(safe, tmp_path):
    archive = zipped(safe, tmp_path / "download.zip")
    parent = tmp_path / "parent"
    shutil.copytree(safe, parent / safe.name)
    for path in (safe, safe / "manifest.safe", parent, archive):
        product = Product(str(path))
        assert (product.copol, product.crosspol) == ("HH", "HV")
        for polarisation in ("HH", "HV"):
            files = product.files(polarisation)
            assert files.annotation.text("adsHeader/polarisation") == polarisation
            assert f"-{polarisation.lower()}-" in files.image.path


def test_the_manifest_states_what_the_product_is(tmp_path):
    safe = MadeUp(platform="C", mode="IW", ipf="002.91").write(tmp_path)
    info = Product(str(safe)).info
    assert (info.platform, info.mode, info.product_type) == ("S1C", "IW", "GRD")
    assert info.polarisations == ("HH", "HV")
    assert (info.orbit, info.relative_orbit, info.orbit_pass) == ("12345", "20", "DESCENDING")
    assert info.start == "2024-03-01T12:00:00.000000"
    assert info.ipf == 2.91
    assert info.name == safe.name[:-5]


def test_files_are_found_by_content_where_the_manifest_names_others(safe):
    annotation = safe / "annotation"
    stem = "s1a-ew-grd-hv-002.xml"
    (annotation / stem).rename(annotation / "a.xml")
    noise = annotation / "calibration"
    (noise / f"noise-{stem}").rename(noise / "b.xml")
    (noise / f"calibration-{stem}").rename(noise / "c.xml")
    files = Product(str(safe)).files("HV")
    assert files.annotation.where.endswith("annotation/a.xml")
    assert files.noise.where.endswith("calibration/b.xml")
    assert files.calibration.where.endswith("calibration/c.xml")


@pytest.mark.skipif(real_annotation() is None, reason="SEAICE_TEST_DATA is not set")
def test_real_annotation_with_shortened_file_names():
    product = Product(str(real_annotation()))
    assert (product.info.platform, product.info.mode, product.info.ipf) == ("S1A", "EW", 3.52)
    assert product.info.orbit == "46117"
    assert product.info.start == "2022-11-30T01:43:42.546629"
    annotation = read_annotation(product._parse(product._find("product", "HV")))
    assert (annotation.lines, annotation.samples) == (10708, 10487)
    assert annotation.grid.height_m.shape == (23, 21)
    assert (annotation.grid.height_m > 1).sum() == 58
    assert annotation.conversion.coefficients.shape == (66, 9)
    with pytest.raises(SeaIceError, match=r"ew-hh\.tiff is empty \(0 bytes\); download"):
        product.files("HH")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"product_type": "SLC"}, "is a SLC product; expected a ground range detected"),
        ({"product_type": "OCN"}, "is a OCN product; expected a ground range detected"),
        ({"polarisations": ("HH",)}, "holds HH only; expected HH and HV"),
        ({"mode": "WV"}, "was acquired in mode WV; expected EW or IW"),
    ],
)
def test_other_products_are_refused(tmp_path, changes, message):
    safe = MadeUp(**changes).write(tmp_path)
    with pytest.raises(SeaIceError, match=message):
        Product(str(safe))


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/evil.xml", "x/../../evil", "C:\\evil.xml"])
def test_a_zip_whose_paths_leave_it_is_refused(safe, tmp_path, name):
    archive = zipped(safe, tmp_path / "download.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, "evil")
    expected = f"holds the path {name!r}, which leads out of the archive"
    with pytest.raises(SeaIceError, match=re.escape(expected)):
        Product(str(archive))


def test_a_damaged_zip_is_refused(safe, tmp_path):
    archive = zipped(safe, tmp_path / "download.zip")
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        SeaIceError, match=r"neither a SAFE folder, a manifest\.safe nor an intact zip"
    ):
        Product(str(archive))
    # the directory at the end is whole, what it lists is not
    position = data.index(b"annotation/s1a-ew-grd-hh-001.xml") + 40
    archive.write_bytes(data[:position] + bytes(200) + data[position + 200 :])
    with pytest.raises(SeaIceError, match=r"cannot read annotation/s1a-ew-grd-hh-001\.xml"):
        Product(str(archive)).files("HH")


def test_a_zip_without_a_product_or_with_two_is_refused(safe, tmp_path):
    archive = tmp_path / "other.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "nothing")
    with pytest.raises(SeaIceError, match=r"holds no manifest\.safe; expected the zip of one"):
        Product(str(archive))
    zipped(safe, archive)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("second.SAFE/manifest.safe", "x")
    with pytest.raises(SeaIceError, match=r"holds 2 times manifest\.safe"):
        Product(str(archive))


def test_what_is_no_product_is_refused(tmp_path):
    with pytest.raises(SeaIceError, match="does not exist; give a SAFE folder"):
        Product(str(tmp_path / "absent.zip"))
    with pytest.raises(SeaIceError, match=r"holds no manifest\.safe; give the folder of one"):
        Product(str(tmp_path))
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(SeaIceError, match="neither a SAFE folder"):
        Product(str(tmp_path / "text.zip"))


@pytest.mark.parametrize("kind", ["product", "calibration", "noise"])
def test_a_missing_annotation_is_named_with_what_is_there(safe, kind):
    prefix = "" if kind == "product" else f"calibration/{kind}-"
    (safe / "annotation" / f"{prefix}s1a-ew-grd-hv-002.xml").unlink()
    expected = f"no {kind} annotation of HV below annotation/; found .*<product> HH"
    with pytest.raises(SeaIceError, match=expected):
        Product(str(safe)).files("HV")


def test_a_missing_image_is_named(safe):
    (safe / "measurement" / "s1a-ew-grd-hv-002.tiff").unlink()
    with pytest.raises(SeaIceError, match="no TIFF of HV below measurement/"):
        Product(str(safe)).files("HV")


def test_wrong_xml_is_refused(safe):
    path = safe / "annotation" / "s1a-ew-grd-hv-002.xml"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(SeaIceError, match=r"s1a-ew-grd-hv-002\.xml: is not XML"):
        Product(str(safe)).files("HV")
    path.write_text("<html>Service unavailable</html>")
    with pytest.raises(SeaIceError, match=r"found .*s1a-ew-grd-hv-002\.xml \(html\)"):
        Product(str(safe)).files("HV")
    (safe / "manifest.safe").write_text("<html/>")
    with pytest.raises(SeaIceError, match="root is <html>; expected <XFDU>"):
        Product(str(safe))


def test_entities_are_not_expanded(safe):
    path = safe / "annotation" / "s1a-ew-grd-hv-002.xml"
    text = path.read_text().split("\n", 1)[1]
    bomb = '<!DOCTYPE product [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    path.write_text(f"{bomb}{text.replace('GRD', '&b;', 1)}")
    with pytest.raises(SeaIceError, match="declares a document type or entities"):
        Product(str(safe)).files("HV")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<numberOfLines>60</numberOfLines>", "", "has no <numberOfLines>"),
        (">60</numberOfLines>", ">many</numberOfLines>", "holds 'many'; expected numbers"),
        (">60</numberOfLines>", ">0</numberOfLines>", "an image of 0 x 80 px"),
        ("<height>", "<tallness>x</tallness><height>nan", "<height> holds 'nan"),
        ("<productType>GRD", "<productType>SLC", "product type SLC; expected GRD"),
        ("<line>0</line><pixel>40<", "<line>0</line><pixel>41<", "do not form a grid"),
    ],
)
def test_a_malformed_annotation_is_refused(tmp_path, old, new, message):
    safe = MadeUp(lines=60, samples=80, more={"product": [(old, new)]}).write(tmp_path)
    with pytest.raises(SeaIceError, match=message):
        read_annotation(Product(str(safe)).files("HH").annotation)
