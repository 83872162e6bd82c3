"""`make install`: the plugin in the profile, in place of an older one."""

import sys

import install
import pytest


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "build" / "seaice_qgis"
    folder.mkdir(parents=True)
    (folder / "metadata.txt").write_text("new")
    return folder


def test_an_older_plugin_is_replaced_whole(plugin, tmp_path):
    older = tmp_path / "profile/python/plugins/seaice_qgis"
    older.mkdir(parents=True)
    (older / "removed.py").write_text("")
    target = install.install(plugin, tmp_path / "profile")
    assert target == older
    assert [path.name for path in target.iterdir()] == ["metadata.txt"]
    assert [path.name for path in target.parent.iterdir()] == ["seaice_qgis"]


def test_a_link_is_replaced_and_what_it_points_to_is_kept(plugin, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "metadata.txt").write_text("mine")
    plugins = tmp_path / "profile/python/plugins"
    plugins.mkdir(parents=True)
    (plugins / "seaice_qgis").symlink_to(checkout)
    target = install.install(plugin, tmp_path / "profile")
    assert (target / "metadata.txt").read_text() == "new"
    assert (checkout / "metadata.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".local/share/QGIS"),
        ("darwin", "Library/Application Support/QGIS"),
    ],
)
def test_each_qgis_in_use_gets_it_and_qgis_3_where_there_is_none(
    monkeypatch, tmp_path, platform, folder
):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("QGIS_CUSTOM_CONFIG_PATH", raising=False)
    base = tmp_path / folder
    assert install.settings_folders() == [base / "QGIS3"]
    (base / "QGIS3").mkdir(parents=True)
    (base / "QGIS4").mkdir()
    assert install.settings_folders() == [base / "QGIS3", base / "QGIS4"]
