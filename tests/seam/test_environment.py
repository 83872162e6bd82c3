"""The worker's Python: found, checked and made."""

from __future__ import annotations

import sys

import pytest

from ml_core.errors import CancelledError, SeaIceError
from seaice_qgis import environment, process

posix = pytest.mark.skipif(sys.platform == "win32", reason="stands in for Python by shell scripts")


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def nothing(monkeypatch, tmp_path):
    """No worker's Python is named anywhere, and PATH holds no Python."""
    monkeypatch.delenv("SEAICE_PYTHON", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr(sys, "exec_prefix", str(empty))
    return empty


def test_the_variable_comes_before_the_setting_and_the_setting_before_the_installed_one(
    nothing, monkeypatch, tmp_path
):
    installed = environment.python_in(tmp_path / "environment")
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert environment.find("", tmp_path / "environment") == str(installed)
    assert environment.find(sys.executable, tmp_path / "environment") == sys.executable
    monkeypatch.setenv("SEAICE_PYTHON", script(tmp_path / "named", ""))
    assert environment.find(sys.executable, tmp_path / "environment") == str(tmp_path / "named")


def test_what_is_named_but_not_there_is_reported_with_where_it_is_named(
    nothing, monkeypatch, tmp_path
):
    with pytest.raises(SeaIceError, match="not installed yet; run Install environment in the Pro"):
        environment.find("", tmp_path)
    with pytest.raises(SeaIceError, match="/no/python: no such program, but the setting Worker's"):
        environment.find("/no/python", tmp_path)
    monkeypatch.setenv("SEAICE_PYTHON", "/none")
    with pytest.raises(SeaIceError, match=r"/none: .* environment variable SEAICE_PYTHON names it"):
        environment.find("/no/python", tmp_path)


def test_what_qgis_set_for_itself_is_taken_out():
    inherited = {
        "PYTHONHOME": "/qgis",
        "PYTHONPATH": "/qgis",
        "PYTHONEXECUTABLE": "/qgis",
        "VIRTUAL_ENV": "/venv",
        "PROJ_LIB": "/qgis",
        "PROJ_DATA": "/qgis",
        "GDAL_DRIVER_PATH": "/qgis",
        "LD_LIBRARY_PATH": "/qgis",
        "DYLD_FRAMEWORK_PATH": "/qgis",
        "PATH": "/usr/bin",
        "HOME": "/home/a",
        "https_proxy": "http://proxy",
    }
    kept = process.child_environment(inherited, windows=False, python_path=None)
    assert set(kept) == {"PATH", "HOME", "https_proxy", "PYTHONUTF8", "PYTHONFAULTHANDLER"}
    assert kept["PATH"] == "/usr/bin"


def test_the_worker_finds_ml_core(tmp_path):
    assert process.child_environment({}, python_path=tmp_path)["PYTHONPATH"] == str(tmp_path)


def test_on_windows_qgis_folders_leave_the_path():
    inherited = {
        "OSGEO4W_ROOT": r"C:\Programs\GIS",
        "Path": r"C:\Programs\GIS\bin;C:\PROGRA~1\QGIS 3.40.1\apps\qgis-ltr\bin;C:\OSGeo4W\bin"
        r";C:\Windows\system32;C:\Python311;C:\Programs\GISTools",
    }
    kept = process.child_environment(inherited, windows=True)
    assert kept["Path"] == r"C:\Windows\system32;C:\Python311;C:\Programs\GISTools"


def test_this_python_can_make_an_environment():
    assert environment.base_python(sys.executable) == [sys.executable]


@posix
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("exit 1", "python3 is not a Python that starts"),
        ("echo version 3 9", r"python3 is Python 3\.9"),
        ("echo version 3 15", r"python3 is Python 3\.15"),
        (
            'case "$2" in *venv*) exit 1;; *) echo version 3 11;; esac',
            r"python3 \(Python 3\.11\) lacks venv, ensurepip or ssl; .* python3-venv",
        ),
    ],
)
def test_a_python_that_cannot_make_one_is_reported_with_the_reason(nothing, answer, message):
    named = script(nothing / "python3", answer)
    for given in ("", named):
        with pytest.raises(SeaIceError, match=f"no Python 3.10 to 3.13 was found .*{message}"):
            environment.base_python(given)


@posix
def test_the_newest_python_in_path_is_taken(nothing):
    script(nothing / "python3.11", "echo version 3 11")
    newer = script(nothing / "python3.12", "echo version 3 12")
    assert environment.base_python() == [newer]


def test_no_python_at_all(nothing):
    with pytest.raises(SeaIceError, match=r"install one from python\.org .* PATH holds no Python"):
        environment.base_python()


class Making:
    """Calls `create` with stand-ins for what takes long."""

    def __init__(self, tmp_path):
        self.folder = tmp_path / "profile" / "environment"
        self.requirements = tmp_path / "requirements.txt"
        self.requirements.write_text("# nothing\n")
        self.lines = []
        self.cancel = False

    def __call__(self, base, check=lambda python: None, index=()):
        return environment.create(
            self.folder,
            base,
            str(self.requirements),
            check,
            self.lines.append,
            lambda: self.cancel,
            index,
        )

    def left(self):
        parent = self.folder.parent
        return sorted(path.name for path in parent.iterdir()) if parent.exists() else []


@pytest.fixture
def making(tmp_path):
    return Making(tmp_path)


def test_an_environment_is_made_checked_and_put_in_place(making):
    checked = []
    python = making([sys.executable], checked.append)
    assert python == str(environment.python_in(making.folder))
    assert checked == [str(environment.python_in(making.folder.with_name("environment.new")))]
    assert environment.probe([python], "pip") == sys.version_info[:2]
    assert making.left() == ["environment"]


@posix
def test_the_index_of_pytorch_is_asked_for_nothing_else(making, tmp_path):
    making.requirements.write_text("numpy>=1\n# The networks.\ntorch>=2.13,<2.14\n")
    fake = (
        'mkdir -p "$3/bin"; printf "#!/bin/sh\\necho \\$*" > "$3/bin/python";'
        ' chmod +x "$3/bin/python"'
    )
    making([script(tmp_path / "base", fake)], index=["--extra-index-url", "https://a.b"])
    first, second = making.lines
    assert first.endswith("--extra-index-url https://a.b --no-deps torch>=2.13,<2.14")
    assert second.endswith(f"--progress-bar off -r {making.requirements}")


@posix
def test_a_step_that_fails_leaves_the_older_environment(making, tmp_path):
    (making.folder / "bin").mkdir(parents=True)
    (making.folder / "bin" / "old").touch()
    base = script(tmp_path / "base", "echo no more space; exit 3")
    with pytest.raises(SeaIceError, match=r"making the environment failed: .* code 3.*") as error:
        making([base])
    assert "no more space" in str(error.value)
    assert making.lines == ["no more space"]
    assert making.left() == ["environment"]
    assert (making.folder / "bin" / "old").exists()


@posix
def test_one_that_does_not_pass_the_check_is_thrown_away(making, tmp_path):
    fake = 'mkdir -p "$3/bin"; printf "#!/bin/sh\\n" > "$3/bin/python"; chmod +x "$3/bin/python"'

    def check(python):
        raise SeaIceError("this Python lacks torch")

    with pytest.raises(SeaIceError, match="lacks torch"):
        making([script(tmp_path / "base", fake)], check)
    assert making.left() == []


@posix
def test_cancel_ends_the_step_and_removes_what_was_made(making, tmp_path):
    making.cancel = True
    with pytest.raises(CancelledError):
        making([script(tmp_path / "base", 'mkdir -p "$3"; exec sleep 60')])
    assert making.left() == []
