"""The checkout's virtual environments: when they are made, and when they are left alone."""

import environments
import pytest


@pytest.fixture
def calls(monkeypatch):
    """Record the commands instead of running them; `venv` makes the interpreter's file."""
    recorded = []

    def call(*command):
        recorded.append(command)
        if "venv" in command:
            python = environments.environment.python_in(environments.Path(command[-1]))
            python.parent.mkdir(parents=True, exist_ok=True)
            python.write_text("")

    monkeypatch.setattr(environments, "_call", call)
    return recorded


@pytest.fixture
def make(tmp_path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy>=1.26,<3\n")
    return environments.Environment(tmp_path / ".venv", (requirements,), lambda: "python3")


def test_an_environment_is_made_once(make, calls):
    make.ensure()
    assert [command[2] for command in calls] == ["venv", "pip"]
    calls.clear()
    make.ensure()
    assert calls == []


def test_changed_requirements_are_installed(make, calls):
    make.ensure()
    calls.clear()
    make.requirements[0].write_text("numpy>=2,<3\n")
    make.ensure()
    assert any("pip" in command for command in calls)


def test_a_failed_install_is_repeated(make, calls, monkeypatch):
    recorded = environments._call

    def fail(*command):
        recorded(*command)
        if "pip" in command:
            raise environments.subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(environments, "_call", fail)
    with pytest.raises(environments.subprocess.CalledProcessError):
        make.ensure()
    monkeypatch.setattr(environments, "_call", recorded)
    calls.clear()
    make.ensure()
    assert any("pip" in command for command in calls)


def test_an_environment_behind_a_link_is_left_alone(make, calls, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    make.folder.symlink_to(tmp_path / "elsewhere")
    make.ensure()
    assert calls == []
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_qgis_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setenv("QGIS_PYTHON", "/nowhere/python3")
    with pytest.raises(environments.SetupError, match=r"/nowhere/python3\. Install QGIS 3\.22"):
        environments.qgis_base()
    monkeypatch.setenv("QGIS_PROCESS", "/nowhere/qgis_process")
    with pytest.raises(environments.SetupError, match=r"/nowhere/qgis_process\. Install QGIS"):
        environments.qgis_process()


def test_a_program_without_a_screen_finds_qgis_python_and_no_other_ml_core(monkeypatch):
    monkeypatch.setenv("PATH", "/first:/second")
    monkeypatch.setenv("PYTHONPATH", f"{environments.ROOT}:/qgis/python")
    found = environments.without_screen("/qgis/bin")
    assert found["PATH"] == "/qgis/bin:/first:/second"
    assert found["PYTHONPATH"] == "/qgis/python"
    assert found["QT_QPA_PLATFORM"] == "offscreen"
    monkeypatch.setenv("PYTHONPATH", str(environments.ROOT))
    assert "PYTHONPATH" not in environments.without_screen("/qgis/bin")


def test_headless_qgis_enables_the_plugin_in_settings_of_its_own(monkeypatch, tmp_path):
    program = tmp_path / "qgis_process"
    program.write_text('#!/bin/sh\necho "$@" > "$QGIS_CUSTOM_CONFIG_PATH/called"\n')
    program.chmod(0o755)
    monkeypatch.setenv("QGIS_PROCESS", str(program))
    settings = tmp_path / "settings"
    qgis = environments.HeadlessQgis(tmp_path / "plugins", settings, "/usr/bin")
    assert (settings / "called").read_text() == "plugins enable seaice_qgis\n"
    assert qgis.environment["QGIS_PLUGINPATH"] == str(tmp_path / "plugins")
    assert qgis.command("predict", HH="a b.tif") == [
        str(program), "run", "seaice:predict", "--", "HH=a b.tif"
    ]  # fmt: skip
