"""What a Python offers, and what is too old in it."""

from importlib import metadata

import pytest

from ml_core import diagnosis


def test_nothing_is_too_old_where_the_tests_run():
    assert diagnosis.outdated() == []


@pytest.mark.parametrize(
    ("installed", "too_old"),
    [("2.4.0", True), ("2.13.0+cpu", False), ("2.13", False), ("3.0", False), ("2.12.9", True)],
)
def test_versions_compare_as_numbers(monkeypatch, tmp_path, installed, too_old):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# why\ntorch>=2.13,<2.14\nabsent>=1\n")

    def version(name):
        if name == "absent":
            raise metadata.PackageNotFoundError
        return installed

    monkeypatch.setattr(diagnosis, "_REQUIREMENTS", requirements)
    monkeypatch.setattr(diagnosis.metadata, "version", version)
    expected = [f"torch {installed} (2.13 or newer)"] if too_old else []
    assert diagnosis.outdated() == expected


def test_a_missing_list_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr(diagnosis, "_REQUIREMENTS", tmp_path / "none")
    assert diagnosis.outdated() == []
