"""Output files: all in place, or none and no trace."""

import os
from pathlib import Path

import pytest

from ml_core.errors import SeaIceError
from ml_core.files import OutputFiles, fingerprint, part_path, remove_parts
from tests.builders.folders import files_in


def test_a_committed_file_replaces_its_target_and_stale_sidecars(tmp_path):
    target = tmp_path / "sic.tif"
    for suffix in ("", ".ovr", ".aux.xml"):
        Path(f"{target}{suffix}").write_text("old")
    with OutputFiles("run1") as files:
        staged = Path(files.stage(str(target)))
        assert staged.suffix == ".tif"
        assert staged.parent == tmp_path
        staged.write_text("new")
        Path(f"{staged}.aux.xml").write_text("new statistics")
        assert target.read_text() == "old"
        files.commit()
    assert files_in(tmp_path) == ["sic.tif", "sic.tif.aux.xml"]
    assert target.read_text() == "new"
    assert Path(f"{target}.aux.xml").read_text() == "new statistics"


def test_without_commit_nothing_is_left_and_the_old_file_stays(tmp_path):
    target = tmp_path / "sic.tif"
    target.write_text("old")
    with OutputFiles() as files:
        Path(files.stage(str(target))).write_text("half")
        Path(files.stage(str(tmp_path / "report.html"))).write_text("half")
        assert len(files_in(tmp_path)) == 3
    assert files_in(tmp_path) == ["sic.tif"]
    assert target.read_text() == "old"


def test_whoever_started_a_killed_run_can_remove_its_parts(tmp_path):
    target = str(tmp_path / "model.safetensors")
    mine, other = part_path(target, "run1"), part_path(target, "run2")
    mine.write_text("half")
    Path(f"{mine}.ovr").write_text("half")
    other.write_text("another run's")
    remove_parts([target], "run1")
    assert files_in(tmp_path) == [other.name]


def test_folders_are_staged_too(tmp_path):
    with OutputFiles("run1") as files:
        staged = Path(files.stage(str(tmp_path / "set")))
        staged.mkdir()
        (staged / "manifest.json").write_text("{}")
        files.commit()
    assert files_in(tmp_path) == ["set"]
    assert files_in(tmp_path / "set") == ["manifest.json"]


def test_a_missing_folder_is_named(tmp_path):
    with (
        OutputFiles() as files,
        pytest.raises(SeaIceError, match="nowhere: the output folder does not exist; create it"),
    ):
        files.stage(str(tmp_path / "nowhere" / "sic.tif"))


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    (tmp_path / "sic.tif").mkdir()
    with OutputFiles() as files, pytest.raises(SeaIceError, match="the output is a folder"):
        files.stage(str(tmp_path / "sic.tif"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    # root may write anywhere, so the system's answer is simulated
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with (
        OutputFiles() as files,
        pytest.raises(
            SeaIceError, match=r"cannot write there \(Permission denied\); choose another"
        ),
    ):
        files.stage(str(tmp_path / "sic.tif"))


def test_when_one_target_cannot_be_replaced_none_is(tmp_path, monkeypatch):
    first, held = tmp_path / "model.safetensors", tmp_path / "report.html"
    first.write_text("old")
    replace = os.replace

    def refuse(source, target):
        if Path(target) == held:
            raise PermissionError(13, "in use")
        replace(source, target)

    with OutputFiles() as files:
        for target in (first, held):
            Path(files.stage(str(target))).write_text("new")
        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(
            SeaIceError, match=r"report.html: cannot be replaced \(in use\); close it"
        ):
            files.commit()
    assert files_in(tmp_path) == ["model.safetensors"]
    assert first.read_text() == "old"


def test_a_fingerprint_changes_with_values_and_files_alone(tmp_path):
    path = tmp_path / "hh.tif"
    path.write_text("one")
    paths = [str(path), "/vsizip/none.zip/hv.tif"]
    first = fingerprint({"a": 1, "b": (2.5, None)}, paths)
    assert first == fingerprint({"b": [2.5, None], "a": 1}, paths)
    assert first != fingerprint({"a": 1, "b": (2.5, 0)}, paths)
    assert first != fingerprint({"a": 1, "b": (2.5, None)}, paths[:1])
    os.utime(path, ns=(0, 0))
    touched = fingerprint({"a": 1, "b": (2.5, None)}, paths)
    path.write_text("longer")
    os.utime(path, ns=(0, 0))
    assert len({first, touched, fingerprint({"a": 1, "b": (2.5, None)}, paths)}) == 3
