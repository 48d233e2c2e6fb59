"""The Python of a run that somebody sent holds nothing of theirs but literals, on every page."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import looked
from molyneux.explorer.export import export
from molyneux.ground.tables import write_table
from panel_python import code_of

Tabs = Callable[..., Any]

ACT = '__import__("os").system("echo PWNED")'
EVIL = (
    f'sum", 1)]; {ACT}; places = [("", 0, "sum',
    f"x'; {ACT}; y='",
    f'"""\n{ACT}\n"""',
    f"two\n{ACT}\n#",
    f"return\r{ACT}\r#",
    f"page\x0c{ACT}",
    f"next\x85{ACT}",
    f"line\u2028{ACT}\u2029",
    f"{{{ACT}}}",
    f"\\{ACT}\\",
    '\\"); ' + ACT + "  #\\",
    "\ud7ff\U0001f600\u202e\N{FULLWIDTH QUOTATION MARK}; " + ACT,
)
TAME = tuple(f"thing{n}" for n in range(len(EVIL)))
# Live panels are built; the server that they ask never answers.
LIVE = "window.MOLYNEUX_LIVE = { token: 'none' }; window.fetch = () => new Promise(() => {})"
PAGES = [
    ("index.html", ["grid"]),
    ("index.html#q={0}&category={0}&sort=noun", ["grid"]),
    ("image.html", ["caption", "stage", "neurons", "strip", "about", "live"]),
    ("image.html#rank=max&word=3&object=0&pct=90&n=50&live=top5:0.5", ["stage", "neurons", "strip", "live"]),
    ("neuron.html", ["tokens", "place", "tiles", "histogram", "effect", "nearest", "named", "live"]),
    ("atlas.html", ["layers", "list"]),
    ("atlas.html#q={0}&side=suppressed&category={0}&interpretable=yes&sort=word&layer=1", ["layers", "list"]),
    ("run.html", ["what", "stages", "manifest", "downloads", "tables", "figures"]),
]


class Blank(ast.NodeTransformer):
    """What the lines do, whatever they say."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.copy_location(ast.Constant(type(node.value).__name__), node)


def shape(code: str) -> str:
    return ast.dump(Blank().visit(ast.parse(code)))


def called(code: str) -> set[str]:
    """All names that are looked up, called or imported."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name():
                found.add(node.id)
            case ast.Attribute():
                found.add(node.attr)
            case ast.Import() | ast.ImportFrom():
                found |= {one.name for one in node.names} | {getattr(node, "module", None) or ""}
    return found


def pages_of(folder: Path, texts: tuple[str, ...], patch: pytest.MonkeyPatch) -> Path:
    """A run with these texts wherever a text may stand: ids, captions, tokens, categories, names, model, folder."""
    name = texts[0].replace("/", "-")
    with patch.context() as changed:
        changed.setattr(looked, "HOSTILE", texts)
        run = looked.run_of_looks(folder / name, images=len(texts))
    settings = run.manifest.identity.settings
    assert isinstance(settings, dict)
    settings |= {"model": texts[1], "prompt": texts[2]}
    rows = [{"word": texts[3], "value": 1.0}]
    stand: dict[str, Any] = {"given": 1, "used": 1, "skipped": {texts[4]: 1}, "notes": [], "judges": []}
    write_table(run.tables, texts[0].replace("/", "-"), rows, title=texts[5], paper="", **stand)
    run.figures.mkdir(exist_ok=True)
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>t</title></svg>'
    (run.figures / "figure.svg").write_text(drawing)
    return export(run, folder / "pages").folder


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    with pytest.MonkeyPatch.context() as patch:
        yield (
            pages_of(tmp_path_factory.mktemp("evil"), EVIL, patch),
            pages_of(tmp_path_factory.mktemp("tame"), TAME, patch),
        )


@pytest.mark.parametrize(("place", "panels"), PAGES, ids=[place for place, _ in PAGES])
def test_hostile_texts_stay_literals(
    place: str, panels: list[str], sites: tuple[Path, Path], tab: Tabs
) -> None:
    codes = []
    for site, texts in zip(sites, (EVIL, TAME), strict=True):
        one = tab(site)
        if "image.html" in place or "neuron.html" in place:
            one.page.add_init_script(LIVE)
        # A search goes by words, as many as there are: both are asked for the same.
        page = one.open(place.replace("{0}", quote(EVIL[0])))
        codes.append({panel: code_of(page, panel) for panel in panels})
        assert page.evaluate("window.pwned") is None
        assert any(one[:4] in code for one in texts for code in codes[-1].values()) or place == "atlas.html"
    evil, tame = codes
    for panel in panels:
        assert shape(evil[panel]) == shape(tame[panel]), panel
        assert not called(evil[panel]) & {"__import__", "os", "system", "exec", "eval"}, panel
        assert evil[panel].isascii(), panel


HEAD = """const told = { name: evil, model: evil, prompt: evil, shipped: false, atlas: { name: evil } };
  molyneux.run = { ...molyneux.run, ...told };"""
STATES = """[{ side: "boosted", layer: 1, interpretable: "no", sort: "word", q: evil, category: evil },
  { side: "suppressed", sort: "name" }]"""
WHOLE = """(evil) => { %s return %s.flatMap((state) => {
    const { recipes } = molyneux;
    return [
      recipes.whole(state, evil, state.sort, 0, 50), recipes.wholeByLayer(state, evil),
      recipes.interpretableByLayer(), recipes.oneOfAll(state, evil),
      recipes.layerOfAll({ layer: 0, ...state }, state.sort, 0, 50)];
  }).map((lines) => lines.join("\\n")) }"""


def test_recipes_of_an_atlas(sites: tuple[Path, Path], tab: Tabs) -> None:
    made = WHOLE % (HEAD, STATES)
    page = tab(sites[0]).open("atlas.html")
    tame = [shape(code) for code in page.evaluate(made, TAME[0])]
    assert len(tame) == 10
    for evil in EVIL:
        assert [shape(code) for code in page.evaluate(made, evil)] == tame


NUMBERS = {
    "image.html": {
        "map": '({ id: "a" }, { neuron: ["L0.u0"] }, { pct: evil })',
        "map object": '({ id: "a" }, { object: { category: "a" } }, { pct: 95, object: evil })',
        "neurons": '({ id: "a" }, { word: { first: evil }, listed: [] }, { rank: "sum" })',
        "strip": '({ id: "a" }, { word: { first: evil } }, { rank: "sum" })',
        "strip n": '({ id: "a" }, { word: { first: 1 }, strip: { n: evil, arms: [] } }, { rank: "sum" })',
    },
    "neuron.html": {
        "tokens": "({ layer: evil, unit: 0, boosted: [] })",
        "tokens unit": "({ layer: 0, unit: evil, boosted: [] })",
        "place": '({ layer: evil, unit: 0, name: "L0.u0" })',
        "nearest": '({ layer: 0, unit: evil, nearest: [], name: "L0.u0" })',
        "histogram": '({ name: "L0.u0" }, evil)',
        "effect": '({ name: "L0.u0", layer: 0 }, { id: "a", scales: [0, evil], first: 1, random: [] })',
        "effect first": '({ name: "L0.u0", layer: 0 }, { id: "a", scales: [0], first: evil, random: [] })',
        "named": '({ named: [{ id: "a", first: evil, by: "sum", rank: 1 }] })',
        "named rank": '({ named: [{ id: "a", first: 1, by: "sum", rank: evil }] })',
        "named by": '({ named: [{ id: "a", first: 1, by: evil, rank: 1 }] })',
    },
    "atlas.html": {
        "listed": '({ side: evil }, "images", 0, 9)',
        "listed layer": '({ side: "boosted", layer: evil }, "images", 0, 9)',
        "listed from": '({ side: "boosted" }, "images", evil, 9)',
        "oneOfAll": '({ side: evil }, "L0.u0")',
        "layerOfAll": '({ side: "boosted", layer: evil }, "logit", 0, 9)',
    },
}


@pytest.mark.parametrize("place", NUMBERS)
def test_what_is_no_number_or_name_of_ours_is_refused(
    place: str, sites: tuple[Path, Path], tab: Tabs
) -> None:
    """Were a shard to hold a text where a number belongs, there would be no lines."""
    page = tab(sites[0]).open(place)
    for name, given in NUMBERS[place].items():
        recipe = f"molyneux.recipes.{name.split()[0]}{given}.join('\\n')"
        made = f"(evil) => {{ {HEAD} return {recipe} }}"
        for evil in (EVIL[0], f"1); {ACT}", "1", None, [1]):
            with pytest.raises(Exception, match="no Python lines"):
                page.evaluate(made, evil)


def test_recipes_of_figures(sites: tuple[Path, Path], tab: Tabs) -> None:
    """Files of figures are named as somebody likes."""
    page = tab(sites[0]).open("run.html")
    for path in ("downloads/figures/{}.svg", "downloads/report/{}.svg"):
        made = """(path) => molyneux.recipes.figure({ files: [["svg", path]], path: path }).join("\\n")"""
        tame = page.evaluate(made, path.format(TAME[0]))
        for evil in EVIL:
            assert shape(page.evaluate(made, path.format(evil))) == shape(tame)


def test_a_seed_that_is_no_number_is_refused(sites: tuple[Path, Path], tab: Tabs) -> None:
    page = tab(sites[0]).open("image.html")
    made = """(seed) => { molyneux.run.provenance.seed = seed;
        return molyneux.recipes.strip({ id: "a" }, {}, { rank: "sum" }).join("\\n") }"""
    ast.parse(page.evaluate(made, 5))
    with pytest.raises(Exception, match="no Python lines"):
        page.evaluate(made, f"0); {ACT}; (")
