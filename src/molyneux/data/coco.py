"""Folders in COCO's layout: images, captions, and the masks of their objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from molyneux.data.coco_entries import Images, Spoken, captions_of, images_of, load, objects_of
from molyneux.data.masks import CocoObject
from molyneux.data.report import Findings
from molyneux.data.sources import IMAGE_ENDINGS, DataSet, Source, id_of

__all__ = ["CocoImage", "CocoObject", "coco_splits", "open_coco", "read_coco"]


@dataclass(frozen=True)
class CocoImage:
    """One image with what people said and drew about it."""

    id: int
    path: Path
    captions: tuple[str, ...]
    objects: tuple[CocoObject, ...]
    """In the order of their annotation ids."""


def open_coco(folder: Path, *, splits: Sequence[str] | None = None) -> DataSet:
    """A COCO folder as it is distributed, any subset of it; opens no image.

    Reads ``annotations/instances_<split>.json`` and ``annotations/captions_<split>.json``, at least one of
    the two, and what is in ``<split>/``. Wrong entries are left out and reported, every one: the report
    refuses the data unless told to be lenient. Images that are listed but not there are a subset, and counted.

    Args:
        splits: such as ``["val2017"]``; None takes all that have annotations.
    """
    findings = Findings()
    sources: list[Source] = []
    files: list[Path] = []
    given = 0
    chosen = coco_splits(folder) if splits is None else list(splits)
    if not chosen:
        findings.add("no-annotations", folder / "annotations")
    for split in chosen:
        images, spoken, read = _split(folder, split, findings)
        files += read
        given += len(images.names)
        sources += _sources(folder, split, images, spoken, findings)
    sources.sort(key=lambda source: source.id)
    report = findings.report(folder, given=given, usable=len(sources))
    return DataSet("coco", folder, tuple(sources), report, tuple(files))


def coco_splits(folder: Path) -> list[str]:
    """The splits that a folder has annotations for."""
    names = [path.stem for path in (folder / "annotations").glob("*.json")]
    kinds = ("instances_", "captions_")
    return sorted({name.removeprefix(kind) for name in names for kind in kinds if name.startswith(kind)})


def read_coco(folder: Path, *, split: str = "val2017") -> list[CocoImage]:
    """Every image that a COCO folder lists for a split, ordered by id; opens none, nor looks whether it is there.

    Raises:
        SettingError: an annotation file is missing, is not COCO's, or has wrong entries; all of them are named.
    """
    findings = Findings()
    images, spoken, files = _split(folder, split, findings)
    for kind in ("instances", "captions"):
        path = _annotations(folder, kind, split)
        if path not in files and not path.exists():
            findings.add("not-json", f"{path}: no such file")
    findings.report(folder, given=len(images.names), usable=max(1, len(images.names))).require()
    return [
        CocoImage(
            number, folder / split / name, spoken.captions.get(number, ()), spoken.objects.get(number, ())
        )
        for number, name in sorted(images.names.items())
    ]


def _annotations(folder: Path, kind: str, split: str) -> Path:
    return folder / "annotations" / f"{kind}_{split}.json"


def _split(folder: Path, split: str, findings: Findings) -> tuple[Images, Spoken, list[Path]]:
    """What the annotation files of a split say, as far as it is valid."""
    paths = {kind: _annotations(folder, kind, split) for kind in ("instances", "captions")}
    read = {kind: path for kind, path in paths.items() if path.exists()}
    if not read:
        findings.add("no-annotations", paths["instances"])
    for kind in paths.keys() - read.keys():
        findings.add(f"no-{kind}-file", paths[kind])
    told = {kind: load(path, findings) for kind, path in read.items()}
    images = images_of([(paths[kind].name, one) for kind, one in told.items() if one], findings)
    instances, captions = told.get("instances"), told.get("captions")
    return (
        images,
        Spoken(
            objects=objects_of(instances, images, findings) if instances else {},
            captions=captions_of(captions, images, findings) if captions else {},
            has_objects=bool(instances),
            has_captions=bool(captions),
        ),
        list(read.values()),
    )


def _sources(folder: Path, split: str, images: Images, spoken: Spoken, findings: Findings) -> list[Source]:
    """The images of a split that are there."""
    try:
        there = {path.name for path in (folder / split).iterdir()}
    except OSError as error:
        there = set()
        findings.add("no-folder", f"{folder / split}: {error.strerror}")
    found = []
    for number, name in sorted(images.names.items()):
        # Names with folders in them are rare; they cost a look at the disk each.
        if name not in there and not ("/" in name and (folder / split / name).is_file()):
            findings.add("missing-file", f"{split}/{name}")
            continue
        objects = spoken.objects.get(number, ()) if spoken.has_objects else None
        captions = spoken.captions.get(number, ())
        if spoken.has_captions and not captions:
            findings.add("no-captions", f"{split}/{name}")
        if objects == ():
            findings.add("no-objects", f"{split}/{name}")
        findings.add_all("crowd", [f"{split}/{name}" for one in objects or () if one.crowd])
        found.append(Source(id_of(split, name), folder / split / name, str(number), None, captions, objects))
    listed = set(images.names.values())
    unlisted = sorted(name for name in there - listed if name.lower().endswith(IMAGE_ENDINGS))
    findings.add_all("unlisted-file", [f"{split}/{name}" for name in unlisted])
    return found
