"""The public face: complete, sorted, lazy, and the same to people and to type checkers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import molyneux
from imports import modules

ROOT = Path(__file__).parents[1] / "src" / "molyneux"
PROMISED = {
    *(
        "load",
        "Captioner",
        "Caption",
        "attribute",
        "Attribution",
        "decode",
        "Decoding",
        "Decodings",
        "receptive_field",
    ),
    *(
        "ReceptiveField",
        "edit",
        "ablate",
        "Ablation",
        "compare",
        "Comparison",
        "open_image",
        "Picture",
        "NeuronId",
        "MolyneuxError",
    ),
}


def order(name: str) -> tuple[int, list[tuple[int, int, str]]]:
    """CONSTANTS, then Classes, then the rest, numbers by value: the order that ruff's RUF022 sets."""
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return kind, [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


@pytest.mark.parametrize("name", molyneux.__all__)
def test_every_public_name_resolves(name: str) -> None:
    value = getattr(molyneux, name)
    assert value is not None
    assert getattr(molyneux, name) is value
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__, f"{name} is not documented"


def test_all_is_sorted_and_keeps_its_promise() -> None:
    assert molyneux.__all__ == sorted(set(molyneux.__all__), key=order)
    assert set(molyneux.__all__) >= PROMISED
    assert set(molyneux.__all__) <= set(dir(molyneux))


def test_all_table_and_type_checkers_agree() -> None:
    seen = {
        alias.name: node.module
        for block in ast.parse((ROOT / "__init__.py").read_text()).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"molyneux.{home}" for name, home in molyneux._HOME.items()}
    assert set(seen) == set(molyneux.__all__) - {"__version__"}


def test_every_error_is_public() -> None:
    errors = import_module("molyneux.ground.errors")
    assert set(errors.__all__) <= set(molyneux.__all__)
    for name in errors.__all__:
        assert issubclass(getattr(molyneux, name), molyneux.MolyneuxError)


def test_version() -> None:
    assert molyneux.__version__ == version("molyneux")


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="'molyneux' has no attribute 'atribute'"):
        molyneux.atribute  # noqa: B018
    assert not hasattr(molyneux, "__wrapped__")


def test_star_and_from_imports() -> None:
    names: dict[str, object] = {}
    exec("from molyneux import *\nfrom molyneux import data, NeuronId", names)
    assert set(molyneux.__all__) <= set(names)


def test_names_load_only_their_own_floor() -> None:
    code = "import sys, molyneux; molyneux.open_image; print('PIL' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.parametrize("name", modules(ROOT))
def test_every_module_says_what_it_gives(name: str) -> None:
    path = modules(ROOT)[name]
    tree = ast.parse(path.read_text())
    listed = _listed(tree)
    if listed is None:
        assert path.name in ("__init__.py", "__main__.py"), f"{name} has no __all__"
        return
    assert listed == sorted(set(listed), key=order)
    if name != "molyneux":
        assert set(listed) <= _defined(tree), f"{name} lists what it does not define"
    assert ast.get_docstring(tree), f"{name} does not say what it is"


def _listed(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def _defined(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            parts = (part for target in node.targets for part in ast.walk(target))
            found.update(part.id for part in parts if isinstance(part, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name for alias in node.names)
    return found
