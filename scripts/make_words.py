"""Make the vendored English word list from Debian's ``scowl`` package.

    apt-get install scowl
    python scripts/make_words.py

Writes ``scowl-60.txt.gz`` and SCOWL's copyright file beside it. The same package gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

SIZES = (10, 20, 35, 40, 50, 55, 60)
"""SCOWL's levels up to 60, the size of the usual spell checkers' dictionaries."""

REGIONS = ("english", "american", "british")
"""``english`` is common to all; with one of the others it makes en-US or en-GB."""

KINDS = ("words", "upper", "proper-names")
"""The parts of an en-US or en-GB dictionary, as the paper names it, that a token can be. Left out:
abbreviations and contractions (fragments, to a tokenizer), acronyms, and every possessive."""

ASSETS = Path(__file__).parents[1] / "src" / "molyneux" / "assets" / "words"


def collect(folder: Path) -> list[str]:
    """Every entry of at least three letters, sorted, that is written like a word or like a name."""
    found: set[str] = set()
    for path in sorted(f for r in REGIONS for k in KINDS for s in SIZES for f in folder.glob(f"{r}-{k}.{s}")):
        found.update(path.read_text(encoding="utf-8").split())
    return sorted(word for word in found if len(word) >= 3 and word.isalpha() and word[1:].islower())


def main() -> None:
    """Write the list and its licence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scowl", type=Path, default=Path("/usr/share/dict/scowl"))
    parser.add_argument("--copyright", type=Path, default=Path("/usr/share/doc/scowl/copyright"))
    parser.add_argument("--out", type=Path, default=ASSETS)
    args = parser.parse_args()
    words = collect(args.scowl)
    if not words:
        sys.exit(
            f"{args.scowl}: expected SCOWL's lists, such as english-words.10. Install Debian's scowl package."
        )
    args.out.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{word}\n" for word in words)
    (args.out / "scowl-60.txt.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    (args.out / "COPYRIGHT").write_bytes(args.copyright.read_bytes())
    print(f"{len(words)} words")


if __name__ == "__main__":
    main()
