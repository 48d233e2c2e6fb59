"""What ``doctor --paper`` prints: a model's weights against the paper's Table S.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from molyneux.cli.screens import plain_table, tokens_text
from molyneux.ground.printable import inert

if TYPE_CHECKING:
    from molyneux.experiments.from_disk import DecodeOptions
    from molyneux.experiments.oracle import Agreement, OracleReport
    from molyneux.ground.shares import Share
    from molyneux.metrics.stats import Interval

__all__ = ["paper_json", "paper_screen"]

_LISTED = 12  # differences on the screen; JSON has all
_GOOD = "#2f9e77"


def paper_screen(report: OracleReport) -> RenderableType:
    """Who was asked, the table of options, the verdict, the differences."""
    return Group(
        _who(report),
        Text(),
        _options_table(report),
        Text(),
        *_notes(report),
        *_differences(report),
        Text(),
        _verdict(report),
    )


def _who(report: OracleReport) -> Text:
    layers, units, width = report.shape
    line = Text("Table S.1 of the paper", style="bold")
    line.append(
        f"  {report.neurons} neurons of GPT-J 6B   model: {inert(report.model)}, "
        f"{layers} \u00d7 {units:,} units, width {width:,}",
        style="not bold dim",
    )
    return line


def _options_table(report: OracleReport) -> Table:
    made = plain_table()
    made.padding = (0, 1, 0, 0)  # so that it fits into 80 columns
    made.add_column("norm")
    made.add_column("bias")
    for name in ("same list", "same tokens", "of 5 tokens", "random units"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("")
    for one in report.agreements:
        made.add_row(
            _yes(one.options.final_norm),
            _yes(one.options.bias),
            _count(one.ordered),
            _count(one.as_sets),
            _mean(one.overlap),
            _mean(one.random),
            Text("best" if one.options in report.best else "", style=_GOOD),
        )
    return made


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _count(found: Share) -> Text:
    return Text.assemble((str(found.count), "bold"), (f" [{found.low:.0%}, {found.high:.0%}]", "dim"))


def _mean(found: Interval) -> Text:
    return Text.assemble((f"{found.mean:.2f}", "bold"), (f" [{found.low:.2f}, {found.high:.2f}]", "dim"))


def _notes(report: OracleReport) -> list[Text]:
    lines = [
        f"of {report.neurons} lists, with 95 % intervals: Wilson for counts, bootstrap for means",
        "norm, bias: the last norm before the unembedding, its bias; the paper's Eq. 3 has neither",
    ]
    if report.rounded:
        lines.append(f"weights rounded through {report.rounded}, as the paper's model was")
    if not report.is_paper_shape:
        lines.append("not GPT-J 6B, whose neurons the table lists: it has 28 layers of 16,384 units")
    if report.unknown:
        some = ", ".join(inert(repr(token)) for token in report.unknown[:3])
        lines.append(f"{len(report.unknown)} printed tokens are not in this tokenizer, such as {some}")
    lines += [f"{neuron} left out: {inert(why)}" for neuron, why in report.skipped.items()]
    return [Text(line, style="dim") for line in lines]


def _differences(report: OracleReport) -> list[RenderableType]:
    if not report.differences:
        return []
    made = plain_table()
    made.add_column("neuron", no_wrap=True)
    made.add_column("of 5", justify="right")
    made.add_column("printed", overflow="ellipsis", no_wrap=True, ratio=1)
    made.add_column("decoded", overflow="ellipsis", no_wrap=True, ratio=1)
    made.expand = True
    for one in report.differences[:_LISTED]:
        made.add_row(
            str(one.neuron), str(one.shared), tokens_text(one.printed), _marked(one.decoded, one.printed)
        )
    title = Text.assemble(
        (f"{len(report.differences)} lists differ", "bold"), (f" with {_named(report.best[0])}", "dim")
    )
    rest = len(report.differences) - _LISTED
    more = [Text(f"and {rest} more: --json lists all", style="dim")] if rest > 0 else []
    return [Text(), title, made, *more]


def _marked(tokens: tuple[str, ...], printed: tuple[str, ...]) -> Text:
    """Tokens that the paper does not print stand out."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for number, token in enumerate(tokens):
        part = tokens_text([token])
        if token not in printed:
            part.stylize("red")
        line.append_text(Text("  " if number else "")).append_text(part)
    return line


def _named(options: DecodeOptions) -> str:
    return " and ".join(
        f"{'' if on else 'no '}{name}"
        for name, on in (("final norm", options.final_norm), ("bias", options.bias))
    )


def _verdict(report: OracleReport) -> Text:
    best = next(one for one in report.agreements if one.options == report.best[0])
    if not report.agrees:
        return Text("\u2717 no better than random units: not the paper's weights", style="bold red")
    names = "; or ".join(map(_named, report.best))
    said = f"{best.ordered.count} of {best.ordered.of} lists are the paper's"
    return Text.assemble((said, f"bold {_GOOD}"), (f"   agree best with {names}", "dim"))


def paper_json(report: OracleReport) -> dict[str, Any]:
    """Everything, with all differences."""
    layers, units, width = report.shape
    return {
        "ok": report.agrees,
        "model": report.model,
        "layers": layers,
        "units": units,
        "width": width,
        "is_paper_shape": report.is_paper_shape,
        "neurons": report.neurons,
        "skipped": {str(neuron): why for neuron, why in report.skipped.items()},
        "unknown_tokens": report.unknown,
        "rounded": report.rounded,
        "random_units_per_neuron": report.draws,
        "options": [_agreement_json(one, one.options in report.best) for one in report.agreements],
        "differences": [
            {"neuron": str(one.neuron), "shared": one.shared, "printed": one.printed, "decoded": one.decoded}
            for one in report.differences
        ],
    }


def _agreement_json(one: Agreement, best: bool) -> dict[str, Any]:
    return {
        "final_norm": one.options.final_norm,
        "bias": one.options.bias,
        "best": best,
        "same_list": vars(one.ordered),
        "same_tokens": vars(one.as_sets),
        "mean_of_5": _interval_json(one.overlap),
        "random_units": _interval_json(one.random),
    }


def _interval_json(found: Interval) -> dict[str, float]:
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.count}
