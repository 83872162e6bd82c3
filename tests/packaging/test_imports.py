"""Who may import whom: the two processes, and what QGIS's Python can read."""

import ast
import re
import subprocess
import sys

import pytest

SEAM = (
    "ml_core/jobs/*.py",
    "ml_core/errors.py",
    "ml_core/events.py",
    "ml_core/files.py",
    "ml_core/wmo.py",
)
"""What QGIS's Python imports of ml_core, with ml_core/__init__.py."""

DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""Libraries whose distribution has another name."""


def modules(root, *patterns):
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def imports(path):
    """Yield (level, module) of every import in a file, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


def third_party(path):
    """Return the top-level names of the libraries that a file imports."""
    names = {module.split(".")[0] for level, module in imports(path) if level == 0}
    return names - set(sys.stdlib_module_names)


def declared(*paths):
    """Return the distributions that requirement files list."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    return {name.lower() for name in re.findall(r"^([A-Za-z0-9_-]+)", text, re.MULTILINE)}


def distributions(names):
    return {DISTRIBUTIONS.get(name, name).lower() for name in names}


def test_ml_core_imports_itself_relatively_and_never_qgis(root):
    # In the package ml_core is seaice_qgis.ml_core: an absolute name would reach another copy.
    for path in modules(root, "ml_core/**/*.py"):
        assert not third_party(path) & {"ml_core", "seaice_qgis", "qgis", "PyQt5", "PyQt6"}, path


def test_the_seam_needs_nothing_but_python(root):
    for path in modules(root, *SEAM, "ml_core/__init__.py"):
        assert not third_party(path), path


def test_the_plugin_needs_nothing_but_qgis(root):
    # The QGIS process loads neither torch nor rasterio: their libraries clash with QGIS's own.
    # osgeo is QGIS's own GDAL, which QGIS's Processing imports too.
    for path in modules(root, "seaice_qgis/**/*.py"):
        assert third_party(path) <= {"qgis", "processing", "osgeo", "ml_core"}, path


def test_the_libraries_that_are_imported_are_those_declared(root):
    used = {name for path in modules(root, "ml_core/**/*.py") for name in third_party(path)}
    assert distributions(used) == declared(root / "resources/requirements.txt")


def test_every_library_that_the_tests_import_is_declared(root):
    ours = modules(root, "tools/*.py", "tests/**/*.py")
    own = {"ml_core", "seaice_qgis", "tests", *(path.stem for path in ours)}
    lists = (root / "resources/requirements.txt", root / "tests/requirements.txt")
    for path in modules(root, "tests/**/test_*.py", "tests/**/conftest.py"):
        if "plugin" not in path.relative_to(root).parts:
            assert distributions(third_party(path) - own) <= declared(*lists), path


@pytest.mark.parametrize("pattern", [*SEAM, "ml_core/__init__.py", "seaice_qgis/**/*.py"])
def test_what_qgis_imports_is_written_in_python_3_9(root, pattern):
    paths = modules(root, pattern)
    assert paths
    for path in paths:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


def test_describing_a_job_loads_neither_torch_nor_rasterio(root):
    code = (
        "import sys, ml_core.jobs, ml_core.events;"
        "print([n for n in ('torch', 'rasterio', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
