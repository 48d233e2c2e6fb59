"""Long tables row by row, for pages that can sort them: neurons, images, captions; and tables of any columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from molyneux.ground.wording import changed_words, decimals
from molyneux.report.numerals import NONE, between, chance, count, fixed, share, signed
from molyneux.report.record import TableRecord, number
from molyneux.report.view import Cell, View, estimate, figure, papers, text
from molyneux.report.views import head, images

__all__ = ["any_list", "band_list", "captions_list", "firing_list", "looks_list", "matrix_list", "pairs_list"]

Row = Mapping[str, Any]


def pairs_list(table: TableRecord) -> View:
    """Table S.1: every (neuron, patch) pair."""
    names = (
        _words("image", "caption", "word") + _numbers("rank") + _words("neuron") + _numbers("patch", "score")
    )
    rows = [
        (
            _image(row["image"]),
            text(row["caption"]),
            text(row["word"]),
            _count(row, "rank"),
            _neuron(row),
            _count(row, "patch"),
            figure(fixed(number(row, "score"), 4), number(row, "score")),
            _tokens(row),
            _yes(row["interpretable"]),
        )
        for row in table.rows
    ]
    return View.plain((*names, *_words("tokens it raises most", "interpretable")), rows)


def firing_list(table: TableRecord) -> View:
    """Figure 4: the images that fire each neuron most."""
    names = _words("neuron", "tokens it raises most") + _numbers("rank") + _words("image", "caption")
    rows = [
        (
            _neuron(row),
            _tokens(row),
            _count(row, "rank"),
            _image(row["image"]),
            text(row["caption"]),
            figure(fixed(number(row, "activation"), 3), number(row, "activation")),
            _count(row, "patch"),
        )
        for row in table.rows
    ]
    return View.plain((*names, *_numbers("activation", "at patch")), rows)


def looks_list(table: TableRecord) -> View:
    """Neurons of the images looked at, each with what one word loses without it."""
    names = _words("neuron", "tokens it raises most", "interpretable") + _numbers("in lists of images")
    rows = [
        (
            _neuron(row),
            _tokens(row),
            _yes(row["interpretable"]),
            _count(row, "images"),
            text(row["word"]),
            _image(row["image"]),
            _change(row, "without"),
            _change(row, "random"),
        )
        for row in table.rows
    ]
    more = (*_words("word", "of image"), *_numbers("change of p(word) without it", "without random units"))
    return View.plain((*names, *more), rows)


def captions_list(table: TableRecord) -> View:
    """Table S.3: every caption written anew; its new words are marked."""
    names = _words("image", "word", "caption", "units off") + _numbers("off", "draw", "p(word)", "before")
    rows = []
    for row in table.rows:
        new = None if row["caption"] is None else str(row["caption"])
        pieces = (
            () if new is None else tuple(changed_words(str(row["original"]), new)) or (("(empty)", True),)
        )
        before, after = (number(row, name) for name in ("original_probability", "probability"))
        rows.append(
            (
                _image(row["image"]),
                text(row["word"]),
                text(row["original"]),
                text(row["arm"]),
                _count(row, "count"),
                _count(row, "draw"),
                figure(_p(after), after),
                figure(_p(before), before),
                Cell(NONE if new is None else new, pieces=pieces),
                figure(fixed(number(row, "bertscore"), 2), number(row, "bertscore")),
            )
        )
    return View.plain((*names, *_words("caption without them"), *_numbers("BERTScore")), rows)


def matrix_list(table: TableRecord) -> View:
    """What Figure S.2 draws: each class's neurons on each class's images."""
    rows = [
        (
            text(row["neurons_of"], strong=row["neurons_of"] == row["images_of"]),
            text(row["images_of"], strong=row["neurons_of"] == row["images_of"]),
            estimate(row, "", 3),
            estimate(row, "random_", 3),
            images(row, "n"),
        )
        for row in table.rows
    ]
    names = _words("neurons of", "images of") + _numbers("mean activation", "random neurons", "images")
    return View.plain(names, rows)


def band_list(table: TableRecord) -> View:
    """The share of top neurons as deep as the paper's layers 5 to 10 of 28 (S.6)."""
    rows = [
        (
            text(", ".join(map(str, row["layers"]))),
            figure(
                f"{share(number(row, 'from_depth'), 0)} to {share(number(row, 'to_depth'), 0)}",
                number(row, "from_depth"),
            ),
            estimate(row, "", 1, percent=True),
            estimate(row, "random_", 1, percent=True),
            figure(
                signed(_times(row, "less_random", 100), 1),
                number(row, "less_random"),
                between(_times(row, "less_random_low", 100), _times(row, "less_random_high", 100), 1),
            ),
            figure(chance(number(row, "p")), number(row, "p")),
            papers(row, "", 0, percent=True),
            images(row, "n"),
        )
        for row in table.rows
    ]
    names = ("layers", "depth", "top neurons", "random units", "less random, points", "p", "paper", "images")
    return View.plain(head(*names), rows)


def any_list(table: TableRecord) -> View:
    """A table of an experiment that this version does not know: its columns by their names.

    ``x`` or ``x_mean`` with ``x_low`` and ``x_high`` becomes one column, the rest one each.
    """
    columns = list(dict.fromkeys(name for row in table.rows for name in row))
    inside = {end for name in columns for end in _ends(name, columns)}
    made = []
    for name in columns:
        if name.endswith("paper_note") or name in inside:
            continue
        kind, cells = _column(table.rows, name)
        if ends := _ends(name, columns):
            kind, cells = (
                "number",
                [_interval(row, name, ends, _digits(table.rows, name)) for row in table.rows],
            )
        made.append((Cell(name.removesuffix("_mean").replace("_", " "), kind=kind), cells))
    rows = [tuple(cells[place] for _, cells in made) for place in range(len(table.rows))]
    return View.plain([one for one, _ in made], rows)


def _interval(row: Row, name: str, ends: Sequence[str], digits: int) -> Cell:
    low, high = (number(row, end) for end in ends)
    return figure(fixed(number(row, name), digits), number(row, name), between(low, high, digits))


def _end(name: str, side: str) -> str:
    """The column of an interval's end."""
    return side if name == "mean" else f"{name.removesuffix('_mean')}_{side}"


def _ends(name: str, columns: Sequence[str]) -> list[str]:
    """Both columns of a column's interval, if it has one."""
    found = [_end(name, side) for side in ("low", "high")]
    return found if all(one in columns for one in found) and name not in found else []


def _column(rows: Sequence[Row], name: str) -> tuple[str, list[Cell]]:
    """Kind and cells of a column of any values."""
    if name == "paper" or name.endswith("_paper"):
        return "paper", [papers(row, name.removesuffix("paper"), _digits(rows, name)) for row in rows]
    numeric = any(number(row, name) is not None for row in rows)
    digits = _digits(rows, name) if numeric else 0
    return "number" if numeric else "text", [_any(row, name, digits) for row in rows]


def _any(row: Row, name: str, digits: int) -> Cell:
    value = row.get(name)
    if name == "neuron" and isinstance(value, str):
        return _neuron(row)
    if name == "image" and isinstance(value, str):
        return _image(value)
    if name == "p" or name.startswith("p_") or name.endswith("_p"):
        return figure(chance(number(row, name)), number(row, name))
    match value:
        case None:
            return text("")
        case bool():
            return _yes(value)
        case int():
            return _count(row, name)
        case float():
            return figure(fixed(value, digits), value)
        case list() if value and all(isinstance(one, str) for one in value):
            return Cell(", ".join(value), tokens=tuple(value))
        case list():
            return text(", ".join(map(str, value)))
    return text(value)


def _digits(rows: Sequence[Row], name: str) -> int:
    """Decimals for a column: three digits for its largest number, none where all are whole."""
    found = [value for row in rows if (value := number(row, name)) is not None]
    whole = all(isinstance(row.get(name), int | None) for row in rows)
    return 0 if whole else min(6, decimals(max(map(abs, found), default=0.0)))


def _words(*names: str) -> tuple[Cell, ...]:
    return tuple(map(Cell, names))


def _numbers(*names: str) -> tuple[Cell, ...]:
    return tuple(Cell(name, kind="number") for name in names)


def _neuron(row: Row) -> Cell:
    return Cell(str(row["neuron"]), kind="neuron")


def _image(value: object) -> Cell:
    return Cell(str(value), kind="image")


def _tokens(row: Row) -> Cell:
    tokens = tuple(map(str, row["tokens"]))
    return Cell(", ".join(tokens), tokens=tokens)


def _yes(value: object) -> Cell:
    return text("yes" if value is True else "no" if value is False else "")


def _count(row: Row, name: str) -> Cell:
    value = number(row, name)
    return figure(NONE if value is None else count(int(value)), value)


def _p(value: float | None) -> str:
    """A probability; one that three decimals would say is nothing is told as small."""
    return "< 0.001" if value is not None and 0 < value < 0.0005 else fixed(value, 3)


def _change(row: Row, name: str) -> Cell:
    value = number(row, name)
    return figure(share(value, 2, plus=True), value)


def _times(row: Row, name: str, by: float) -> float | None:
    value = number(row, name)
    return None if value is None else value * by
