"""The figure of one image: caption, neurons, where they fire, and what is lost without them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from molyneux.ground.errors import SettingError
from molyneux.ground.printable import inert
from molyneux.ground.story import Story
from molyneux.ground.wording import percent, scale_said
from molyneux.report.curve import CURVE_HEIGHT, draw_ablation
from molyneux.report.ink import GREY, LINE, MARK, PALE, Sheet, elide, safe, width_of, wrap
from molyneux.report.overlay import show_image
from molyneux.report.rows import ROW_HEIGHT, draw_neurons

__all__ = ["SUFFIXES", "describe", "draw", "save"]

SUFFIXES = (".png", ".svg", ".pdf")
WIDTH, EDGE = 10.0, 0.4
_LEFT, _GAP = 3.6, 0.45
_TOP = 1.02
_CAPTION = 15.0
_LINE = 0.33


@dataclass(frozen=True)
class _Plan:
    """Inches that the parts take, found before the sheet is cut."""

    image: tuple[float, float]
    lines: list[list[tuple[int, str]]]
    pieces: list[tuple[str, bool]]
    upper: float

    @property
    def caption_top(self) -> float:
        return _TOP + self.image[1] + 0.42


def draw(story: Story) -> Figure:
    """The whole figure, 10 inches wide; as high as its parts need."""
    plan = _plan(story)
    lower = CURVE_HEIGHT if story.ablation is not None else 0.0
    sheet = Sheet.blank(WIDTH, _TOP + plan.upper + 0.3 + lower + 0.42)
    _header(sheet, story)
    _image(sheet, story, plan)
    right = EDGE + _LEFT + _GAP
    draw_neurons(sheet, story, x=right, y=_TOP, width=WIDTH - EDGE - right)
    if story.ablation is not None:
        y = _TOP + plan.upper + 0.3
        sheet.rule(EDGE, y - 0.1, WIDTH - 2 * EDGE)
        draw_ablation(sheet, story, x=EDGE, y=y + 0.14, width=WIDTH - 2 * EDGE)
    _foot(sheet, story)
    return sheet.figure


def describe(story: Story) -> str:
    """What the figure shows, in words, for those who cannot see it."""
    said = [f"{inert(story.model)} writes: {inert(story.caption)}."]
    for neuron in story.neurons:
        tokens = ", ".join(inert(token).strip() for token in neuron.tokens[:5])
        said.append(f"{neuron.name} (score {neuron.score:.3g}) says {tokens}.")
    if story.ablation is not None and story.word is not None:
        edit = scale_said(story.ablation.scale)
        for arm in story.ablation.arms:
            said.append(
                f"{arm.units[-1]} {arm.arm} units {edit}: p({inert(story.word)}) {percent(arm.mean[-1])}."
            )
    return " ".join(said)


def save(story: Story, path: Path | str, *, dpi: int = 160) -> Path:
    """Draw and write the figure; its folder is made where it is not there.

    The same story gives the same file: no dates, no random ids. The words of the figure go along as metadata.

    Raises:
        SettingError: the suffix is none of .png, .svg, .pdf.
        OSError: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingError("figure", value=str(path), expected=f"a name that ends in {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    words = {"Title": inert(f"{story.name}: {story.caption}"), ".png": "Description", ".svg": "Description"}
    metadata = {"Title": words["Title"], words.get(suffix, "Subject"): describe(story)}
    if suffix != ".png":
        metadata["Date" if suffix == ".svg" else "CreationDate"] = None  # type: ignore[assignment]
    with rc_context({"svg.hashsalt": "molyneux", "svg.fonttype": "path", "pdf.fonttype": 42}):
        draw(story).savefig(path, dpi=dpi, metadata=metadata)
    return path


def _plan(story: Story) -> _Plan:
    width, height = story.size
    scale = min(_LEFT / width, 3.6 / height)
    shown = (max(0.15, width * scale), max(0.15, height * scale))
    pieces = _caption_pieces(story)
    lines = wrap([text for text, _ in pieces], _LEFT - 0.15, _CAPTION, lines=5, gap=_space(_CAPTION))
    left = shown[1] + 0.42 + _LINE * len(lines) + 0.2
    rows = 0.3 + ROW_HEIGHT * max(1, len(story.neurons))
    return _Plan(shown, lines, pieces, max(left, rows))


def _space(size: float) -> float:
    return width_of("n n", size) - width_of("nn", size)


def _caption_pieces(story: Story) -> list[tuple[str, bool]]:
    """The caption's words; the one explained, with what clings to it, is marked."""
    if not story.caption:
        return [("(an empty caption)", False)]
    if story.span is None:
        return [(safe(word), False) for word in story.caption.split()]
    start, end = story.span
    before, after = story.caption[:start].split(), story.caption[end:].split()
    glued = story.caption[end : end + 1].strip()
    word = story.caption[start:end] + (after.pop(0) if glued and after else "")
    return [(safe(w), False) for w in before] + [(safe(word), True)] + [(safe(w), False) for w in after]


def _header(sheet: Sheet, story: Story) -> None:
    word = safe(story.word or "")
    title = f"Which neurons wrote “{word}”?" if story.neurons else "What the model wrote"
    tag = "a miniature, not the paper's model" if story.miniature else f"model: {safe(story.model)}"
    tag = elide(tag, 3.4, 9.5)
    wide = width_of(tag, 9.5) + 0.28
    sheet.write(
        EDGE, 0.52, elide(title, WIDTH - 2 * EDGE - wide - 0.3, 18.0, "bold"), size=18.0, weight="bold"
    )
    sheet.box(WIDTH - EDGE - wide, 0.3, wide, 0.3, colour=MARK if story.miniature else PALE, radius=0.15)
    sheet.write(WIDTH - EDGE - wide / 2, 0.495, tag, size=9.5, ha="center")
    note = safe(Path(story.name).name) + f" · {story.size[0]} \u00d7 {story.size[1]}"
    if story.score:
        note += f" · score: {story.score}"
    sheet.write(EDGE, 0.79, elide(note, WIDTH - 2 * EDGE, 9.5), size=9.5, color=GREY)


def _image(sheet: Sheet, story: Story, plan: _Plan) -> None:
    axes = sheet.axes(EDGE, _TOP, *plan.image)
    show_image(axes, story)
    y = plan.caption_top
    gap = _space(_CAPTION)
    for line in plan.lines:
        x = EDGE
        for index, text in line:
            wide = width_of(text, _CAPTION)
            if plan.pieces[index][1]:
                x += 0.03 if x > EDGE else 0.05
                sheet.box(x - 0.05, y - 0.215, wide + 0.1, 0.29, colour=MARK, radius=0.06)
                x += 0.03
                sheet.write(x - 0.03, y, text, size=_CAPTION)
            else:
                sheet.write(x, y, text, size=_CAPTION)
            x += wide + gap
        y += _LINE
    if story.word is not None and story.probability is not None:
        said = f"p({safe(story.word)}) = {story.probability:.2f} when it was written"
    else:
        said = "no noun in it: nothing to explain"
    sheet.write(EDGE, y - 0.04, elide(said, _LEFT, 9.5), size=9.5, color=GREY)


def _foot(sheet: Sheet, story: Story) -> None:
    y = sheet.height - 0.16
    if any(neuron.heat is not None for neuron in story.neurons):
        text = (
            "Heat: activation, dark to bright. White line: its top 5%. Blue square: the patch of the score."
        )
        sheet.write(EDGE, y, text, size=8.0, color=GREY)
    sheet.write(WIDTH - EDGE, y, "molyneux", size=8.0, color=LINE, ha="right")
