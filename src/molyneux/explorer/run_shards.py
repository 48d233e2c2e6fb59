"""The shard of the run itself: what it is, what it holds, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from molyneux.explorer.image_shards import PAGE
from molyneux.explorer.lookups import Lookups
from molyneux.explorer.run_files import figures, offered, report_page
from molyneux.explorer.table_shards import absent_tables, table_list
from molyneux.explorer.totals import noun_totals
from molyneux.ground.neuron import NeuronId
from molyneux.ground.results import read_table
from molyneux.ground.run import Run, shell_command
from molyneux.ground.run_errors import RunError
from molyneux.ground.stage import read_description

__all__ = ["run_shard"]

SCHEMA = 1
_MOST = 1_000_000  # layers, or units of a layer: far beyond any model


def run_shard(looks: Lookups, damaged: Mapping[str, str]) -> dict[str, object]:
    """What the run is, for every page.

    Args:
        damaged: tables that cannot be shown, and why: they are told as absent.
    """
    run, identity = looks.run, looks.run.manifest.identity
    settings = identity.settings
    layers, units = (_whole(settings, name) for name in ("layers", "units"))
    report = report_page(run)
    absent = absent_tables(run) if "reproduce" in run.manifest.command else []
    return {
        "schema": SCHEMA,
        "name": run.folder.resolve().name,
        "model": str(settings.get("model", "unknown model")),
        "miniature": bool(settings.get("miniature") or looks.images.settings.get("miniature")),
        "prompt": None if settings.get("prompt") is None else str(settings["prompt"]),
        "layers": layers,
        "units": units,
        "images": len(looks.keys),
        "given": looks.images.settings.get("given", 0),
        "neurons": len(looks.neurons.ids),
        "page_size": PAGE,
        "shipped": _shipped(run),
        "settings": _flat(settings),
        "provenance": {
            "created": run.manifest.created,
            "updated": run.manifest.updated,
            "status": run.status(),
            "error": run.manifest.error,
            "command": shell_command(run.manifest.command),
            "seed": identity.seed,
            "versions": _flat(identity.versions),
            "weights": _flat(identity.weights),
            "data": _flat(identity.data),
        },
        "stages": [_stage(run, name) for name in run.stages()],
        "tables": table_list(run, damaged),
        "absent": absent + list(damaged.items()),
        "figures": figures(run),
        "report": None if report is None else f"downloads/{report}",
        "downloads": [
            {"path": f"downloads/{path}", "name": path, "bytes": size} for path, size in offered(run)
        ],
        "strip_counts": looks.images.settings.get("counts", []),
        "totals": noun_totals(looks),
        "categories": looks.categories_of(list(looks.keys)),
        "layer_neurons": _by_layer(looks, layers or 0),
    }


def _stage(run: Run, name: str) -> dict[str, object]:
    table = read_table(run.folder / name, partial=True)
    reasons = table["reason"].to_pylist() if table.num_rows else []
    skipped = Counter(reason for reason in reasons if reason is not None)
    given = int(read_description(run.folder / name)["given"])  # type: ignore[arg-type]
    return {
        "name": name,
        "given": given,
        "used": len(reasons) - skipped.total(),
        "missing": given - len(reasons),
        "skipped": sorted(skipped.items(), key=lambda pair: (-pair[1], pair[0])),
    }


def _by_layer(looks: Lookups, layers: int) -> list[int]:
    """Neurons of any image's list, by layer."""
    counted = Counter(NeuronId.parse(name).layer for name in looks.named)
    if counted and not 0 <= min(counted) <= max(counted) < layers:
        raise RunError("layer of a neuron", value=sorted(counted), expected=f"those of a model of {layers}")
    return [counted[layer] for layer in range(layers)]


def _whole(settings: Mapping[str, Any], name: str) -> int | None:
    """A number of the model; None where the run does not tell it.

    Raises:
        RunError: it is no number from 1 on.
    """
    value = settings.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST:
        raise RunError(f"settings.{name} of the run", value=value, expected="a whole number from 1 on")
    return value


def _shipped(run: Run) -> bool:
    """Whether the images are those that ship with the package, so that Python lines can name them."""
    command = run.manifest.command
    given = next((value for flag, value in pairwise(command) if flag == "--data"), None)
    made = "reproduce" in command and given in (None, "miniature")
    return made and run.manifest.identity.settings.get("model") == "miniature"


def _flat(told: Mapping[str, Any], place: str = "") -> list[list[object]]:
    """Nested settings as pairs of a dotted name and a value."""
    found: list[list[object]] = []
    for key, value in told.items():
        name = f"{place}.{key}" if place else str(key)
        found += _flat(value, name) if isinstance(value, Mapping) and value else [[name, value]]
    return found
