"""Write and run the example notebook: python scripts/make_notebook.py [docs/example.ipynb]

Everything runs on the shipped miniature, in a few seconds. Outputs name no place of the machine that ran them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]

CELLS = (
    "# Which neurons put the word there?\n\n"
    "The miniature ships with the package: a small model, trained on drawn scenes, that shows the method. It is not "
    "the paper's model, and its figures are not the paper's.\n\n"
    "Results show themselves; `.to_frame()` makes a table of them, `.plot()` a figure.",
    ">import molyneux as mx\n"
    "from molyneux.ground.assets import asset\n\n"
    'captioner = mx.load("miniature", device="cpu")\n'
    'image = mx.open_image((asset("miniature") / "val2017" / "000000000102.jpg").read_bytes())\n'
    "captioner",
    ">image.image",
    "## The caption\n\nThe model was never shown a caption with an image: its text half learnt from text alone.",
    ">caption = captioner.caption(image)\ncaption",
    "## The neurons behind its noun\n\nOne forward and one backward pass score every unit at every patch.",
    '>found = mx.attribute(captioner, image, reduce="sum")\nfound',
    ">found.to_frame().head()",
    "## What they say",
    ">best = [entry.neuron for entry in found.ranked(5)]\nmx.decode(captioner, best)",
    "## Where they fire",
    ">mx.receptive_field(captioner, image, best[0])",
    "## Who else says it\n\nAn atlas decodes every neuron of a model once, from its weights, and finds "
    "a word's neurons.",
    ">from pathlib import Path\nfrom tempfile import TemporaryDirectory\n\n"
    "from molyneux.experiments.atlas import build_atlas\n"
    "from molyneux.experiments.atlas_search import search\n\n"
    "folder = TemporaryDirectory()\n"
    'atlas = build_atlas(captioner, Path(folder.name) / "atlas")\natlas',
    ">search(atlas, found.target.word, top=8)",
    ">atlas.entry(best[0])",
    "## The caption without them\n\nBeside as many random units of the same layers: the control.",
    ">ablation = mx.ablate(captioner, image, attribution=found, counts=(0, 20, 50, 100, 200))\nablation",
    ">ablation.plot()",
    "## One edit beside the same edit of random neurons\n\n"
    "Neurons of one's own choice, switched off or amplified; the random ones are drawn from the same layers.",
    ">mx.compare(captioner, image, best, scale=0)",
    ">hundred = [entry.neuron for entry in found.ranked(100)]\n"
    "comparison = mx.compare(captioner, image, hundred, scale=0)\ncomparison",
    ">comparison.plot()",
    "## Any code under an edit\n\n0 switches a unit off, 1 changes nothing, 5 amplifies.",
    ">neurons = [entry.neuron for entry in found.ranked(200)]\n"
    "for scale in (0, 0.5, 1, 5):\n"
    "    with mx.edit(captioner, neurons, scale):\n"
    '        print(f"{scale:>3}", captioner.caption(image))',
)


def build() -> nbformat.NotebookNode:
    """The notebook without outputs; cells that begin with ``>`` are code."""
    book = nbformat.v4.new_notebook()
    for number, text in enumerate(CELLS):
        make = nbformat.v4.new_code_cell if text.startswith(">") else nbformat.v4.new_markdown_cell
        cell = make(text.removeprefix(">"))
        cell["id"] = f"cell-{number}"
        book["cells"].append(cell)
    book["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return book


def run(book: nbformat.NotebookNode) -> None:
    """Execute it in a fresh kernel of this Python, quietly."""
    os.environ |= {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "OMP_NUM_THREADS": "1",
    }
    os.environ["HF_HUB_OFFLINE"] = "1"
    NotebookClient(
        book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    for cell in book["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"] = joined(cell["outputs"])


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Without what loading says on stderr; printed text in one piece, as its pieces depend on the machine's speed."""
    told: list[nbformat.NotebookNode] = []
    for one in outputs:
        if one.get("name") == "stderr":
            continue
        if one["output_type"] == "stream" and told and told[-1]["output_type"] == "stream":
            told[-1]["text"] += one["text"]
        else:
            told.append(one)
    return told


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "example.ipynb"
    book = build()
    run(book)
    nbformat.validate(book)
    nbformat.write(book, out)
    print(out)


if __name__ == "__main__":
    main()
