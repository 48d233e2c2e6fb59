"""Folders of images without annotations: one folder a class, as ImageNet has them, or one for all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from molyneux.data.coco import coco_splits, open_coco
from molyneux.data.report import Findings
from molyneux.data.sources import IMAGE_ENDINGS, DataSet, Source, id_of

__all__ = ["open_classes", "open_data", "open_folder"]


def open_folder(folder: Path) -> DataSet:
    """All images that lie directly in a folder; opens none of them."""
    findings = Findings()
    files, folders = _listed(folder, findings)
    findings.add_all("other-folder", folders)
    sources = _sources(folder, (), files, None, findings)
    return DataSet(
        "folder", folder, sources, findings.report(folder, given=len(sources), usable=len(sources))
    )


def open_classes(folder: Path, *, classes: Sequence[str] | None = None) -> DataSet:
    """A folder a class, the images directly in them; opens none of them. The folder's name is the label.

    Args:
        classes: only these, such as ``["n02123394"]``; None takes all.
    """
    findings = Findings()
    files, folders = _listed(folder, findings)
    findings.add_all("other-file", files)
    for name in sorted(set(classes or ()) - set(folders)):
        findings.add("no-folder", folder / name)
    found: list[Source] = []
    for name in folders:
        if classes is None or name in classes:
            inside, deeper = _listed(folder / name, findings)
            findings.add_all("other-folder", [f"{name}/{one}" for one in deeper])
            sources = _sources(folder, (name,), inside, id_of(name), findings)
            if not sources:
                findings.add("empty-class", name)
            found += sources
    found.sort(key=lambda source: source.id)
    report = findings.report(folder, given=len(found), usable=len(found))
    return DataSet("classes", folder, tuple(found), report)


def open_data(folder: Path, *, splits: Sequence[str] | None = None) -> DataSet:
    """A folder of images, whichever kind it is: COCO, then images at the top, then a folder a class.

    Args:
        splits: of a COCO folder; see ``open_coco``.
    """
    if splits is not None or coco_splits(folder):
        return open_coco(folder, splits=splits)
    files, folders = _listed(folder, Findings())
    if folders and not any(_is_image(name) for name in files):
        return open_classes(folder)
    return open_folder(folder)


def _listed(folder: Path, findings: Findings) -> tuple[list[str], list[str]]:
    """Names of files and of folders, hidden ones left out, in order; a finding if the folder cannot be read."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as error:
        findings.add("no-folder", f"{folder}: {error.strerror}")
    return sorted(files), sorted(folders)


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS)


def _sources(
    folder: Path, below: tuple[str, ...], files: Sequence[str], label: str | None, findings: Findings
) -> tuple[Source, ...]:
    found: dict[str, Source] = {}
    for name in files:
        here = id_of(*below, name)
        if not _is_image(name):
            findings.add("other-file", here)
        elif here in found:
            findings.add("id-twice", here)
        else:
            found[here] = Source(here, folder.joinpath(*below, name), here, label)
    return tuple(found[here] for here in sorted(found))
