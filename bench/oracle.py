"""Seconds and peak memory of ``molyneux doctor --paper`` on a GPT-J of full width.

    python bench/oracle.py [--layers 28] [--dtype float16] [--folder DIR]

Writes the weights that the check reads, random ones, at GPT-J 6B's size: fc_out 4096 x 16,384 of every layer, lm_head
50,400 x 4096 and the last norm, in a shard a layer (3.9 GiB for 28 layers in float16; removed afterwards). Then the
command runs in a process of its own, of which the largest resident memory is told, mapped files included.
Random weights agree with nothing, so the command's answer is "no better than random units" and its exit code 4.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from molyneux.data.paper import table_s1

WIDTH, UNITS, ROWS, TOKENS = 4096, 16384, 50_400, 50_257


def write(folder: Path, layers: int, dtype: torch.dtype) -> None:
    """A shard a layer and one for the rest; a layer differs from another by a shift of the same random numbers."""
    torch.manual_seed(0)
    base = torch.randn(WIDTH, UNITS).to(dtype)
    files: dict[str, str] = {}
    rest = {
        "lm_head.weight": torch.randn(ROWS, WIDTH).to(dtype),
        "lm_head.bias": torch.randn(ROWS).to(dtype),
        "transformer.ln_f.weight": torch.ones(WIDTH, dtype=dtype),
        "transformer.ln_f.bias": torch.zeros(WIDTH, dtype=dtype),
    }
    for layer in range(layers):
        name, file = f"transformer.h.{layer}.mlp.fc_out.weight", f"model-{layer:02d}.safetensors"
        save_file({name: base.roll(layer, 1).contiguous()}, folder / file)
        files[name] = file
    save_file(rest, folder / "model-rest.safetensors")
    files |= dict.fromkeys(rest, "model-rest.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    config = {"model_type": "gptj", "n_layer": layers, "n_embd": WIDTH, "vocab_size": ROWS}
    (folder / "config.json").write_text(json.dumps(config))
    printed = dict.fromkeys(token for tokens in table_s1().decodings.values() for token in tokens)
    words = [*(token.replace(" ", "\u0120") for token in printed), *(f"word{n}" for n in range(TOKENS))][
        :TOKENS
    ]
    bytewise = Tokenizer(BPE(vocab={word: n for n, word in enumerate(words)}, merges=[]))
    PreTrainedTokenizerFast(tokenizer_object=bytewise).save_pretrained(folder)


_COMMAND = """
import resource, sys
from pathlib import Path
from molyneux.cli.main import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, file=sys.stderr)
    print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


def run(folder: Path) -> tuple[float, float, float, dict[str, object]]:
    """Seconds on the clock, seconds of the processor, GiB of largest resident memory, and the answer.

    The memory is the process's own VmHWM: the ru_maxrss of a child begins with what its parent had. Linux only.
    """
    start = time.perf_counter()
    words = [sys.executable, "-c", _COMMAND, "doctor", "--paper", "--json", "--model", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    work, memory = map(float, done.stderr.split()[-2:])
    return seconds, work, memory / 2**20, json.loads(done.stdout)


def main() -> None:
    """Write, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--dtype", choices=("float16", "bfloat16", "float32"), default="float16")
    parser.add_argument("--folder", type=Path, default=None, help="where the weights are written for a while")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        write(folder, args.layers, getattr(torch, args.dtype))
        size = sum(file.stat().st_size for file in folder.iterdir()) / 2**30
        seconds, work, memory, said = run(folder)
    print(f"{args.layers} layers, {args.dtype}: {size:.2f} GiB on disk")
    print(f"{seconds:.1f} s, {work:.1f} s of processor time, peak resident memory {memory:.2f} GiB")
    print(
        f"neurons {said['neurons']}, random units a neuron {said['random_units_per_neuron']}, ok {said['ok']}"
    )


if __name__ == "__main__":
    main()
