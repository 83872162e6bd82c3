"""Every module of ml_core with logic has a test: of its name, or that imports it, in its room."""

import ast

import pytest

from ml_core.jobs.choices import ARCHITECTURES

TABLES = {"jobs": None, "networks": {network.id for network in ARCHITECTURES}}
"""Modules that a room's tests take as a table: all jobs (None), and the networks by their ids."""


@pytest.fixture(scope="module")
def modules(root):
    """The modules that hold a function, by dotted name below ml_core."""
    found = {}
    for path in (root / "ml_core").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree)):
            parts = path.relative_to(root / "ml_core").with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return {name: path for name, path in found.items() if name}


def absolute(path, package=""):
    """Yield what a file imports by dotted name, from a module too, and what it takes of a room."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"ml_core.{node.value.id}.{node.attr}"  # networks.plan
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [package if node.level else "", node.module]))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def covering(room, root, modules):
    """Return the names of a room's tests and of the modules that they import."""
    folder = root / "tests" / "ml_core"
    inside = room in {name.split(".")[0] for name in modules if "." in name}
    files = (folder / room).rglob("test_*.py") if inside else folder.glob("test_*.py")
    names, imported = set(), set()
    for path in files:
        names.add(path.stem.removeprefix("test_"))
        imported |= {name.removeprefix("ml_core.") for name in absolute(path)}
    if inside:
        # what the room itself hands on, such as networks.NetworkConfig
        package = root / "ml_core" / room / "__init__.py"
        for name in absolute(package, room):
            if f"{room}.{name.rpartition('.')[2]}" in imported:
                imported.add(name.rpartition(".")[0])
    return names, imported


def test_every_module_with_logic_has_a_test(root, modules):
    without = []
    for name in sorted(modules):
        room, own = name.split(".")[0], name.rpartition(".")[2]
        table = TABLES.get(room, ())
        names, imported = covering(room, root, modules)
        if not (table is None or own in table or own in names or name in imported):
            without.append(name)
    assert not without
