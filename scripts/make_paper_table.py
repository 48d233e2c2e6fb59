"""Clean the paper's Table S.1 and Table S.3, as extracted from its text, into the package's data.

    python scripts/make_paper_table.py TABLE_S1.json TABLE_S3.json ENCODER.json

TABLE_S1.json holds ``rows`` of ``image, rank, layer, unit, patch, top5, score`` as printed (``top5`` null where
the extraction broke the row), TABLE_S3.json ``pairs`` of ``original, ablated, bertscore_f1``, and ENCODER.json
GPT-2's published vocabulary (token -> id), which is GPT-J's.

The table prints tokens in the spelling of GPT-2's byte-level vocabulary, with a space for the mark of a leading
space. Typesetting and extraction changed some: a token that is not in the vocabulary is put back if exactly one
token of the vocabulary is changed into what is printed by three known changes, and its row skipped otherwise.
Nothing else is touched, and every restored token is listed in the file.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "src" / "molyneux" / "assets" / "paper"
PAPER = "Schwettmann, Chowdhury, Klein, Bau, Torralba 2023, Multimodal Neurons in Pretrained Text-Only Transformers"


def typeset(token: str) -> str:
    """What the paper's typesetting and the extraction of its text make of a token.

    Straight double quotes, and two single ones, become a curly one, three dots an ellipsis; and two neighbours
    that are one UTF-8 sequence when they are written in Windows-1257 become its character.
    """
    changed = token.replace("''", "\u201d").replace('"', "\u201d").replace("...", "\u2026")
    for first, second in pairwise(changed):
        changed = changed.replace(first + second, _misread(first + second))
    return changed


def _misread(pair: str) -> str:
    try:
        return pair if pair.isascii() else pair.encode("cp1257").decode("utf-8")
    except UnicodeError:
        return pair


def restorer(vocabulary: list[str]) -> dict[str, list[str]]:
    """What is printed -> the tokens that it may stand for."""
    found: dict[str, list[str]] = defaultdict(list)
    for token in vocabulary:
        found[typeset(token)].append(token)
    return found


def clean(rows: list[dict[str, Any]], vocabulary: list[str]) -> dict[str, Any]:
    """Decodings by neuron, the rows that name them, and what was restored and skipped."""
    known, meant = set(vocabulary), restorer(vocabulary)
    decodings: dict[str, list[str]] = {}
    restored: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for row in rows:
        name = f"L{row['layer']}.u{row['unit']}"
        if row["top5"] is None:
            skipped[name] = "the text extraction lost characters and a closing quote of its list"
            continue
        tokens = []
        for printed in row["top5"]:
            choices = [printed] if printed in known else meant[printed]
            if len(choices) != 1:
                skipped[name] = f"{printed!r} may be any of {choices}"
                break
            tokens += choices
            if choices != [printed]:
                restored[printed] = choices[0]
        else:
            if decodings.setdefault(name, tokens) != tokens:
                skipped[name] = "printed with different lists"
    kept = {name: tokens for name, tokens in decodings.items() if name not in skipped}
    return {"decodings": kept, "restored": restored, "skipped": skipped}


def _lines(name: str, items: list[str], brackets: str) -> str:
    return f' "{name}": {brackets[0]}\n' + ",\n".join(f"  {item}" for item in items) + f"\n {brackets[1]}"


def _pairs(values: dict[str, Any]) -> list[str]:
    return [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]


def write_s1(source: Path, vocabulary: list[str]) -> None:
    """One line a neuron, one line a row of the table."""
    rows = json.loads(source.read_text(encoding="utf-8"))["rows"]
    made = clean(rows, vocabulary)
    listed = [
        json.dumps({key: row[key] for key in ("image", "rank", "layer", "unit", "patch", "score")})
        for row in rows
    ]
    about = {
        "source": f"Table S.1 of {PAPER}",
        "model": "GPT-J 6B in LiMBeR-BEIT: 28 layers of 16,384 units",
        "layers": 28,
        "units": 16384,
        "spelling": "GPT-2's byte-level vocabulary, a leading space written as a space",
    }
    parts = [f" {line}" for line in _pairs(about)]
    parts += [_lines(name, _pairs(made[name]), "{}") for name in ("skipped", "restored", "decodings")]
    parts.append(_lines("rows", listed, "[]"))
    (ASSETS / "table_s1.json").write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="ascii")
    print(f"{len(rows)} rows, {len(made['decodings'])} neurons, skipped {made['skipped']}")
    print(f"restored {made['restored']}")


def write_s3(source: Path) -> None:
    """One line a pair."""
    pairs = [json.dumps(pair) for pair in json.loads(source.read_text(encoding="utf-8"))["pairs"]]
    about = {
        "source": f"Table S.3 of {PAPER}",
        "note": "Captions before and after ablation and the BERTScore F1 printed beside them. Left out: captions "
        "that fill two lines of the table, and pairs printed before.",
    }
    parts = [*(f" {line}" for line in _pairs(about)), _lines("pairs", pairs, "[]")]
    (ASSETS / "table_s3.json").write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="ascii")
    print(f"{len(pairs)} pairs")


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table_s1", type=Path)
    parser.add_argument("table_s3", type=Path)
    parser.add_argument("encoder", type=Path)
    args = parser.parse_args()
    vocabulary = [token.replace("\u0120", " ") for token in json.loads(args.encoder.read_text("utf-8"))]
    ASSETS.mkdir(parents=True, exist_ok=True)
    write_s1(args.table_s1, vocabulary)
    write_s3(args.table_s3)


if __name__ == "__main__":
    main()
