"""The package: what is in it, and what is not."""

import configparser
import re
import shutil
import zipfile

import package
import pytest

import ml_core


@pytest.fixture(scope="module")
def checkout(root, tmp_path_factory):
    """A copy of what the package is made from, with the leavings of work in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("seaice_qgis", "ml_core", "resources", "tests/packaging"):
        shutil.copytree(root / name, copy / name)
    for name in ("metadata.txt", "LICENSE", "README.md", "CHANGELOG.md"):
        shutil.copyfile(root / name, copy / name)
    cache = copy / "ml_core" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "errors.cpython-311.pyc").write_bytes(b"cache")
    (copy / "seaice_qgis" / ".hidden").write_text("hidden")
    (copy / "resources" / "requirements.txt~").write_text("backup")
    return copy


@pytest.fixture(scope="module")
def built(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return package.build(checkout, folder / "build", folder / "dist")


def files_in(archive):
    with zipfile.ZipFile(archive) as zipped:
        return set(zipped.namelist())


def test_the_zip_holds_all_that_the_plugin_needs(built):
    needed = {
        "seaice_qgis/metadata.txt",
        "seaice_qgis/LICENSE",
        "seaice_qgis/__init__.py",
        "seaice_qgis/ml_core/__main__.py",
        "seaice_qgis/ml_core/jobs/train.py",
        "seaice_qgis/resources/requirements.txt",
    }
    assert needed <= files_in(built[1])


def test_every_module_of_the_checkout_is_in_the_zip(root, built):
    modules = {
        f"seaice_qgis/{path.relative_to(root).as_posix()}"
        for path in (root / "ml_core").rglob("*.py")
    } | {path.relative_to(root).as_posix() for path in (root / "seaice_qgis").rglob("*.py")}
    packed = {name for name in files_in(built[1]) if name.endswith(".py")}
    assert {name for name in packed if "/resources/" not in name} == modules


def test_the_zip_holds_no_caches_tests_or_hidden_files(built):
    parts = [part for name in files_in(built[1]) for part in name.split("/")]
    assert not [part for part in parts if part.startswith(".") or part.endswith(("~", ".pyc"))]
    assert "__pycache__" not in parts
    assert "tests" not in parts


def test_the_folder_and_the_zip_hold_the_same_files(built):
    plugin, archive = built
    folder = {
        path.relative_to(plugin.parent).as_posix() for path in plugin.rglob("*") if path.is_file()
    }
    assert folder == files_in(archive)


def test_a_second_build_gives_the_same_zip_and_drops_what_was_removed(checkout, built, tmp_path):
    (tmp_path / "build/plugins/seaice_qgis").mkdir(parents=True)
    (tmp_path / "build/plugins/seaice_qgis/removed.py").write_text("")
    plugin, archive = package.build(checkout, tmp_path / "build", tmp_path / "dist")
    assert archive.read_bytes() == built[1].read_bytes()
    assert not (plugin / "removed.py").exists()


def test_the_versions_agree_and_the_changelog_knows_them(root):
    assert package.version(root) == ml_core.__version__
    headings = re.findall(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in ("Unreleased", ml_core.__version__)


def test_the_metadata_has_what_qgis_asks_for(root, built):
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(root / "metadata.txt", encoding="utf-8")
    general = metadata["general"]
    for name in ("name", "description", "about", "version", "author", "email", "license"):
        assert general[name].strip(), name
    assert general["qgisMinimumVersion"] == "3.22"
    assert general.getboolean("hasProcessingProvider")
    assert f"seaice_qgis/{general['icon']}" in files_in(built[1])


def test_the_licence_is_the_one_that_the_metadata_names(root):
    assert "GNU GENERAL PUBLIC LICENSE\n                       Version 2" in (
        root / "LICENSE"
    ).read_text(encoding="utf-8")
    assert "license=GPL-2.0-or-later" in (root / "metadata.txt").read_text(encoding="utf-8")
