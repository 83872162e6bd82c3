"""The plan of ml_core: which folder may import which, no circles, no two classes of one name."""

import ast
import collections
import graphlib

import pytest

ORDER = (
    "jobs",  # what can be asked
    "raster",  # the only place that opens rasters
    "observation",  # what a reference sees of the ground
    "inputs",  # readers of what comes from outside
    "networks",  # arrays in, arrays out
    "datasets",  # what a network learns from
    "prediction",  # a network over a scene, for predict and for validation alike
    "evaluation",  # a map against a reference
    "training",  # optimisation
    "sweep",  # many networks on one split
    "reports",  # pages of what all these give
    "runs",  # how each job is done
)
"""A folder imports only those before it."""

FOUNDATION = ("jobs.choices",)
"""What the modules beside the folders may import of them, but for the two that start a job."""

STARTERS = ("__main__", "commandline")


@pytest.fixture(scope="module")
def modules(root):
    """Every module of ml_core by its dotted name, the package itself as the empty one."""
    found = {}
    for path in (root / "ml_core").rglob("*.py"):
        parts = path.relative_to(root / "ml_core").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@pytest.fixture(scope="module")
def imported(modules):
    """What each module imports of ml_core, inside functions and for types too."""
    return {name: set(_imports(name, path, modules)) - {name} for name, path in modules.items()}


def _imports(name, path, modules):
    package = name.split(".") if name else []
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                submodule = f"{target}.{alias.name}".strip(".")
                yield submodule if submodule in modules else target


def folder(module):
    return module.split(".")[0]


def test_every_folder_has_its_place_in_the_order(modules):
    folders = {folder(name) for name, path in modules.items() if path.name == "__init__.py"}
    assert folders - {""} == set(ORDER)


def test_a_folder_imports_only_folders_before_it(imported):
    against = [
        f"{name} imports {target}"
        for name, targets in imported.items()
        for target in sorted(targets)
        if folder(name) in ORDER
        and folder(target) in ORDER
        and ORDER.index(folder(target)) > ORDER.index(folder(name))
    ]
    assert not against


def test_what_lies_beside_the_folders_imports_none_of_them(imported):
    against = [
        f"{name} imports {target}"
        for name, targets in imported.items()
        for target in sorted(targets)
        if folder(name) not in (*ORDER, *STARTERS)
        and folder(target) in ORDER
        and target not in FOUNDATION
    ]
    assert not against


def test_no_files_import_each_other_in_a_circle(imported):
    graphlib.TopologicalSorter(imported).prepare()  # CycleError names the circle


def test_every_job_has_its_run_and_every_run_is_short(modules):
    jobs = {name.removeprefix("jobs.") for name in modules if name.startswith("jobs.")}
    runs = {name.removeprefix("runs.") for name in modules if name.startswith("runs.")}
    shared = {"ai4arctic", "ice_free", "layers", "openwater"}  # what several steps of the jobs take
    assert runs - shared <= jobs
    for name in runs:
        lines = modules[f"runs.{name}"].read_text(encoding="utf-8").splitlines()
        assert len(lines) < 150, name


def test_no_two_classes_share_a_name(modules):
    places = collections.defaultdict(list)
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(name)
    assert not {name: found for name, found in places.items() if len(found) > 1}
