"""Where a report comes from: model, weights, data, seed, versions, judges, command."""

from __future__ import annotations

from molyneux.ground.run import shell_command
from molyneux.report.record import Record

__all__ = ["provenance", "source_line"]

_HASH = 16
_LASTING = ("model", "weights", "data", "judges", "seed", "settings", "versions", "command")


def provenance(record: Record) -> list[tuple[str, list[str]]]:
    """Names and what stands beside them, in the order in which they are shown."""
    manifest = record.run.manifest
    identity = manifest.identity
    settings = dict(identity.settings)
    size = f"{settings.pop('layers', '?')} layers of {settings.pop('units', '?')} units"
    model = [str(settings.pop("model", "?")), size]
    if record.miniature:
        model.insert(1, "a miniature, not the paper's model")
    settings.pop("miniature", None)
    judges = sorted({judge for table in record.tables.values() for judge in table.judges})
    data = [f"{identity.data.get('count', '?')} images"]
    data += [f"{name} {_short(value)}" for name, value in identity.data.items() if name != "count"]
    return [
        ("model", model),
        ("weights", [f"{name} {_short(value)}" for name, value in identity.weights.items()]),
        ("data", data),
        ("judges", judges or ["none"]),
        ("seed", [str(identity.seed)]),
        ("settings", [f"{name}: {value}" for name, value in settings.items()]),
        ("versions", [f"{name} {_short(value)}" for name, value in identity.versions.items()]),
        ("begun", [manifest.created]),
        ("last written", [f"{manifest.updated} ({record.run.status()})"]),
        ("command", [shell_command(manifest.command) or "not known"]),
    ]


def source_line(record: Record) -> str:
    """The same in one line, without dates, for the metadata of files."""
    told = (f"{name}: {', '.join(said)}" for name, said in provenance(record) if name in _LASTING)
    return "; ".join(told)


def _short(value: str) -> str:
    """A hash by its first digits; anything else as it is."""
    is_hash = len(value) == 64 and set(value) <= set("0123456789abcdef")
    return f"sha256 {value[:_HASH]}…" if is_hash else value
