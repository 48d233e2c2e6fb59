"""Imports go down only, and looking at results needs no torch."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from imports import FLOORS, climbs, floor, floor_graph, modules, outside_imports, reached

ROOT = Path(__file__).parents[1] / "src" / "molyneux"
HEAVY = {"torch", "transformers", "accelerate", "safetensors"}
#: The lower floors may read arrays: NumPy's side of safetensors loads no torch (a test below runs it).
ARRAYS = {"safetensors"}


def test_imports_go_down_only() -> None:
    assert climbs(ROOT) == []


def test_floors_form_no_cycle() -> None:
    assert list(TopologicalSorter(floor_graph(ROOT)).static_order())


def test_every_floor_is_there() -> None:
    assert {floor(name) for name in modules(ROOT)} - {None} == set(FLOORS)


@pytest.mark.parametrize("light", ["ground", "report", "explorer"])
def test_light_floors_import_no_torch_even_through_others(light: str) -> None:
    outside = outside_imports(ROOT)
    starts = [name for name in modules(ROOT) if floor(name) == light]
    assert len(starts) >= 2
    wrong = {
        (start, module): found
        for start in starts
        for module in reached(ROOT, start)
        if (found := outside[module] & (HEAVY - ARRAYS))
    }
    assert wrong == {}


def test_import_molyneux_is_light() -> None:
    assert _loaded_by("import molyneux; molyneux.NeuronId; molyneux.MolyneuxError; dir(molyneux)") == set()


def test_light_floors_are_light_for_real() -> None:
    """The syntax trees cannot see what other packages import; a fresh interpreter can."""
    names = [name for name in modules(ROOT) if floor(name) in ("ground", "report", "explorer")]
    assert _loaded_by("; ".join(f"import {name}" for name in names)) == set()


def test_the_command_lines_frame_is_light() -> None:
    names = [name for name in modules(ROOT) if name in ("molyneux.cli", "molyneux.cli.main")]
    assert _loaded_by("; ".join(f"import {name}" for name in names)) == set()


def test_arrays_of_a_run_are_written_and_read_without_torch(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from pathlib import Path; from molyneux.ground.arrays import *; "
        f"where = Path({str(tmp_path)!r}); write_arrays(where, 'a', {{'x': np.ones(3)}}); "
        "assert read_arrays(where, 'a')['x'].sum() == 3"
    )
    assert _loaded_by(code) == ARRAYS


def _loaded_by(code: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after running the code."""
    show = f"{code}\nimport sys\nprint(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


# The walker itself: it must see what is planted.


def _package(folder: Path, **files: str) -> Path:
    root = folder / "house"
    for name in ("", *FLOORS):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "__init__.py").touch()
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return root


CLIMBS = {
    "absolute": "import house.neurons.found",
    "from": "from house.neurons.found import thing",
    "from the floor": "from house.neurons import found",
    "from the package": "from house import neurons",
    "the package's face": "from house import attribute",
    "bare package": "import house",
    "bare package after a floor": "from house.ground import x\nimport house",
    "face after version": "from house import __version__\nfrom house import ground, attribute",
    "relative": "from ..neurons import found",
    "relative to the package": "from .. import neurons",
    "in a function": "def f():\n    def g():\n        from house.neurons import found",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.neurons import found",
    "in try": "try:\n    import house.neurons.found as found\nexcept ImportError:\n    pass",
    "by function": "import importlib\nimportlib.import_module('house.neurons.found')",
    "in a class": "class A:\n    import house.neurons.found",
    "among others": "import os, house.neurons.found",
}


@pytest.mark.parametrize("how", CLIMBS)
def test_a_planted_climb_is_caught(how: str, tmp_path: Path) -> None:
    root = _package(tmp_path, neurons__found="thing = 1", data__low=CLIMBS[how])
    assert len(climbs(root)) >= 1, CLIMBS[how]
    assert all(line.startswith("house.data.low ") for line in climbs(root))


@pytest.mark.parametrize(
    "text",
    [
        "from house.ground import names",
        "from ..ground.names import x",
        "from house import ground, __version__",
        "from . import other",
    ],
)
def test_going_down_is_fine(text: str, tmp_path: Path) -> None:
    root = _package(tmp_path, ground__names="x = 1", data__other="", data__low=text)
    assert climbs(root) == []
    assert list(TopologicalSorter(floor_graph(root)).static_order())


def test_a_relative_import_in_a_packages_init(tmp_path: Path) -> None:
    root = _package(tmp_path, neurons__found="", data__sub__low="")
    (root / "data" / "sub" / "__init__.py").write_text("from ...neurons import found\nfrom . import low")
    assert {line.split()[-1] for line in climbs(root)} == {"house.neurons", "house.neurons.found"}


def test_a_planted_cycle_is_caught(tmp_path: Path) -> None:
    root = _package(
        tmp_path, ground__a="from house.data import b", data__b="def f():\n    from house.ground import a"
    )
    with pytest.raises(CycleError):
        list(TopologicalSorter(floor_graph(root)).static_order())


def test_a_module_on_no_floor_is_caught(tmp_path: Path) -> None:
    assert climbs(_package(tmp_path, attic__box="", loose="")) == [
        "house.attic.box is on no floor",
        "house.loose is on no floor",
    ]


def test_a_planted_torch_is_reached(tmp_path: Path) -> None:
    root = _package(
        tmp_path,
        ground__a="",
        report__page="from house.ground import a, b",
        ground__b="def f():\n    from ..data import c",
        data__c="def g():\n    import torch.nn as nn",
    )
    assert "house.data.c" in reached(root, "house.report.page")
    assert outside_imports(root)["house.data.c"] & HEAVY == {"torch"}
    assert _loaded_by("import torch") >= {"torch"}
