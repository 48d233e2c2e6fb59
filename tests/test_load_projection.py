"""Projections in files: what is in them is read as tensors or refused, and never executed."""

from __future__ import annotations

import pickle
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from molyneux.ground.errors import ModelError, NonFiniteError
from molyneux.models.projection_file import check_fits, read_projection

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


def state(**changes: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    return {"weight": torch.randn(6, 4), "bias": torch.randn(6)} | changes


class Attack:
    """Unpickled without care, it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return exec, (f"open({str(self.target)!r}, 'w').close()",)


@pytest.mark.parametrize("way", ["zip", "old", "ordered", "safetensors", "half"])
def test_every_way_to_write_a_linear_layer_is_read(tmp_path: Path, way: str) -> None:
    path, given = tmp_path / "proj.ckpt", state()
    if way == "half":
        given = {name: value.half() for name, value in given.items()}
    if way == "safetensors":
        save_file(given, path)  # told by the content, not by the name
    elif way == "ordered":
        torch.save(OrderedDict(given), path)
    else:
        torch.save(given, path, _use_new_zipfile_serialization=way != "old")
    found = read_projection(path)
    assert list(found) == ["weight", "bias"]
    assert all(torch.equal(found[name], given[name]) for name in given)


@pytest.mark.parametrize("way", ["raw pickle", "in a torch file", "beside tensors", "old torch file"])
def test_code_in_a_pickle_is_never_executed(tmp_path: Path, way: str) -> None:
    path, trace = tmp_path / "proj.ckpt", tmp_path / "executed"
    attack = Attack(trace)
    if way == "raw pickle":
        path.write_bytes(pickle.dumps(attack))
    elif way == "beside tensors":
        torch.save(state(other=attack), path)
    else:
        torch.save(attack, path, _use_new_zipfile_serialization=way != "old torch file")
    with pytest.raises(ModelError, match=r"not executed|cannot be read"):
        read_projection(path)
    assert not trace.exists()
    if way == "raw pickle":  # the attack is real: with plain pickle it does what it says
        pickle.loads(path.read_bytes())
        assert trace.exists()


class Plain:
    """Harmless, but no tensor."""


def nested(layout: torch.layout) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a prototype, says torch
        return torch.nested.nested_tensor([torch.ones(4), torch.ones(3)], layout=layout)


WRONG: dict[str, tuple[Any, str]] = {
    "no bias": ({"weight": torch.ones(6, 4)}, "'weight' and 'bias'"),
    "other keys": ({"proj.weight": torch.ones(6, 4), "proj.bias": torch.ones(6)}, "'weight' and 'bias'"),
    "one more": (state(extra=torch.ones(1)), "nothing else"),
    "no tensors": ({"weight": [1.0], "bias": [1.0]}, "'weight' and 'bias'"),
    "a tensor": (torch.ones(6, 4), "'weight' and 'bias'"),
    "one dimension": (state(weight=torch.ones(6)), r"\[text dim, vision dim\]"),
    "bias too short": (state(bias=torch.ones(5)), r"\[text dim, vision dim\]"),
    "integers": (state(weight=torch.ones(6, 4, dtype=torch.int8)), "int8.*float32"),
    "float8": (state(weight=torch.ones(6, 4).to(torch.float8_e4m3fn)), "float8_e4m3fn.*float32"),
    "empty": (state(weight=torch.ones(6, 0)), r"\(6, 0\).*neither of them empty"),
    "nothing": ({"weight": torch.ones(0, 0), "bias": torch.ones(0)}, "neither of them empty"),
    "sparse": (state(weight=torch.ones(6, 4).to_sparse()), "sparse_coo.*plain dense"),
    "meta": (state(bias=torch.ones(6, device="meta")), "without values.*plain dense"),
    "nested": (
        state(weight=nested(torch.strided)),
        "nested.*plain dense",
    ),
    "jagged": (
        state(weight=nested(torch.jagged)),
        "nested.*plain dense|not executed|cannot be read",
    ),
    "expanded": (state(weight=torch.ones(1, 1).expand(6, 4)), "expanded.*plain dense"),
    "a list": ([torch.ones(6, 4), torch.ones(6)], "'weight' and 'bias'"),
    "null": (None, "'weight' and 'bias'"),
    "numbered": ({1: torch.ones(6, 4), "bias": torch.ones(6)}, "'weight' and 'bias'"),
    "complex": (state(weight=torch.ones(6, 4, dtype=torch.complex64)), "complex64.*float32"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_state_is_refused_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    given, said = WRONG[name]
    torch.save(given, tmp_path / "proj.ckpt")
    with pytest.raises(ModelError, match=said):
        read_projection(tmp_path / "proj.ckpt")


def test_objects_other_than_tensors_are_refused(tmp_path: Path) -> None:
    torch.save(state(other=Plain()), tmp_path / "proj.ckpt")
    with pytest.raises(ModelError, match="code or objects, which were not executed"):
        read_projection(tmp_path / "proj.ckpt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("key", ["weight", "bias"])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, key: str, value: float) -> None:
    given = state()
    given[key].view(-1)[1] = value
    torch.save(given, tmp_path / "proj.ckpt")
    with pytest.raises(NonFiniteError, match=rf"{key} of projection .*1 of {given[key].numel()} are NaN"):
        read_projection(tmp_path / "proj.ckpt")


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", b"PK\x03\x04 torn", b"\x80\x02", b"\x08" + b"\0" * 7 + b"{"]
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "proj.ckpt").write_bytes(content)
    with pytest.raises(ModelError, match=r"projection .*proj\.ckpt"):
        read_projection(tmp_path / "proj.ckpt")


_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 16794611\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_POINTER, r"a git-LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", r"a web page.*raw link"),
        (b"\xef\xbb\xbf\n <html></html>", r"a web page.*raw link"),
    ],
)
def test_what_a_download_left_in_its_place_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "proj.ckpt").write_bytes(content)
    with pytest.raises(ModelError, match=rf"proj\.ckpt.*{said}") as caught:
        read_projection(tmp_path / "proj.ckpt")
    assert "code" not in str(caught.value)


def test_a_damaged_file_is_refused_or_read_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for old in (True, False):
        torch.save(state(), tmp_path / "whole", _use_new_zipfile_serialization=not old)
        whole = np.frombuffer((tmp_path / "whole").read_bytes(), np.uint8)
        for _ in range(150):
            spoilt = whole.copy()
            places = rng.integers(0, min(len(whole), 600), 6)
            spoilt[places] = rng.integers(0, 256, len(places))
            (tmp_path / "spoilt").write_bytes(spoilt.tobytes())
            try:
                read_projection(tmp_path / "spoilt")
            except ModelError:
                refused += 1
    assert refused > 100


def test_a_torn_file_is_refused_at_every_length(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for length in range(0, len(whole) - 1, 97):
        (tmp_path / "torn").write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_projection(tmp_path / "torn")


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(ModelError, match="Check the path"):
            read_projection(path)


def test_shapes_that_do_not_fit_are_told_with_both(tmp_path: Path) -> None:
    check_fits(state(), 6, 4)
    with pytest.raises(ModelError, match=r"expected 4096 x 1024 .*got 6 x 4"):
        check_fits(state(), 4096, 1024)
    with pytest.raises(ModelError, match="Transpose it"):
        check_fits(state(), 4, 6)
