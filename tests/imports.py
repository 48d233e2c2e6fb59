"""Reads a package's imports from its syntax trees: all of them, wherever in a file they stand."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

FLOORS = (
    *("ground", "data", "models", "miniature", "metrics", "neurons", "experiments"),
    *("report", "explorer", "cli"),
)
"""Bottom to top; a floor may import itself and those before it."""


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file, for every module of the package whose folder is ``root``."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(name: str, path: Path) -> frozenset[str]:
    """Every dotted name that a module may import, absolute, ``from a import b`` as both a and a.b."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            found.update(_by_function(node, package))
    return frozenset(found)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _by_function(node: ast.Call, package: str) -> set[str]:
    """``import_module("x")`` and ``__import__("x")`` with the name written out."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in ("import_module", "__import__") or not node.args:
        return set()
    name = node.args[0]
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        return set()
    return {f"{package}{name.value}" if name.value.startswith(".") else name.value}


def own_imports(root: Path) -> dict[str, set[str]]:
    """Module -> modules of the same package that it imports."""
    known = modules(root)
    return {name: imports(name, path) & known.keys() - {name} for name, path in known.items()}


def outside_imports(root: Path) -> dict[str, set[str]]:
    """Module -> top-level packages from outside that it imports."""
    return {
        name: {found.partition(".")[0] for found in imports(name, path)} - {root.name, ""}
        for name, path in modules(root).items()
    }


def floor(module: str) -> str | None:
    """A module's floor; None for the package itself, which only points at the floors."""
    parts = module.split(".")
    if parts[1:] == ["__main__"]:  # ``python -m``: the command line's second door
        return "cli"
    return parts[1] if len(parts) > 1 else None


def climbs(root: Path) -> list[str]:
    """Each import that goes up, and each module outside the floors, as a line to read."""
    wrong = []
    for module, imported in own_imports(root).items():
        here = floor(module)
        if here is None:
            continue
        if here not in FLOORS:
            wrong.append(f"{module} is on no floor")
            continue
        if uses_face(modules(root)[module], module, root.name):
            wrong.append(f"{module} imports the package itself")
        for target in sorted(imported):
            there = floor(target)
            if there is not None and (there not in FLOORS or FLOORS.index(there) > FLOORS.index(here)):
                wrong.append(f"{module} climbs to {target}")
    return wrong


def uses_face(path: Path, module: str, package: str) -> bool:
    """Whether a module takes names from the package itself, which lead to every floor.

    ``from package import ground`` names a floor and is judged as such; ``__version__`` is no one's.
    """
    here = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import) and any(alias.name == package for alias in node.names):
            return True
        from_it = isinstance(node, ast.ImportFrom) and _absolute(node, here) == package
        if from_it and any(alias.name not in (*FLOORS, "__version__") for alias in node.names):
            return True
    return False


def floor_graph(root: Path) -> dict[str, set[str]]:
    """Floor -> other floors that it imports."""
    graph: dict[str, set[str]] = {}
    for module, imported in own_imports(root).items():
        here = floor(module)
        if here is not None:
            there = {floor(target) for target in imported} - {here, None}
            graph.setdefault(here, set()).update(name for name in there if name)
    return graph


def reached(root: Path, start: str) -> set[str]:
    """Modules of the package that ``start`` imports, directly or through others."""
    graph, seen, todo = own_imports(root), set[str](), [start]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo.extend(graph[module])
    return seen
