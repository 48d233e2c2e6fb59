"""All pages of a run as files: names, and the content of each, made when it is asked for."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from molyneux.explorer.atlas_shards import AtlasShards
from molyneux.explorer.image_shards import PAGE, image_index, image_shard, thumbnail
from molyneux.explorer.lookups import Lookups
from molyneux.explorer.neuron_shards import neuron_index, neuron_shard
from molyneux.explorer.own import own_run
from molyneux.explorer.run_files import downloads, table_names
from molyneux.explorer.run_shards import run_shard
from molyneux.explorer.shards import key_of, shard_text
from molyneux.explorer.table_shards import damaged_tables, table_shard
from molyneux.ground.files import safe_name
from molyneux.ground.run import Run

__all__ = ["Book", "page_files"]


def page_files() -> dict[str, Path]:
    """The pages' own files, by the path that they have in an export."""
    root = Path(str(files("molyneux"))) / "explorer" / "pages"
    return {
        path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.suffix in (".html", ".css", ".js", ".svg")
    }


class Book:
    """Everything that pages of one run load. An export writes all of it; a server gives what is asked for."""

    def __init__(self, run: Run, atlas: Path | None = None) -> None:
        """Args: atlas: of the same model, for a search over all its neurons.

        Raises:
            RunError: the atlas is none, or of another model; the run's manifest is a link.
        """
        self.run = own_run(run)
        self.looks = Lookups(self.run)
        self.atlas = None if atlas is None else AtlasShards(atlas, self.looks)

    @cached_property
    def _images(self) -> dict[str, str]:
        return {key: image for image, key in self.looks.keys.items()}

    @cached_property
    def _tables(self) -> dict[str, str]:
        return {safe_name(name): name for name in table_names(self.run) if name not in self.damaged}

    @cached_property
    def damaged(self) -> dict[str, str]:
        """Tables without a page, and why."""
        return damaged_tables(self.looks)

    def shards(self) -> Iterator[str]:
        """The names of all shards, those that every page needs first."""
        yield "run"
        yield from (f"images/index-{page}" for page in range(_pages(len(self._images))))
        yield from (f"neurons/index-{page}" for page in range(_pages(len(self.looks.neurons.ids))))
        yield from (f"tables/{name}" for name in self._tables)
        yield from (f"images/{key}" for key in self._images)
        yield from (f"neurons/{name}" for name in self.looks.neurons.ids)
        yield from (f"pictures/{key}" for key in self._pictured if key not in self._images)
        if self.atlas is not None:
            yield from (f"atlas/{name}" for name in self.atlas.names())

    def shard(self, name: str) -> str | None:
        """The script of a shard; None where there is none of that name."""
        kind, _, rest = name.partition("/")
        data: dict[str, object] | None = None
        if name == "run":
            about = None if self.atlas is None else self.atlas.about()
            data = run_shard(self.looks, self.damaged) | {"atlas": about}
        elif rest.startswith("index-"):
            data = self._index(kind, rest.removeprefix("index-"))
        elif kind == "images" and rest in self._images:
            data = image_shard(self.looks, self._images[rest])
        elif kind == "neurons" and rest in self.looks.neurons:
            data = neuron_shard(self.looks, rest)
        elif kind == "pictures" and rest in self._pictured and rest not in self._images:
            data = {"picture": self._drawn(rest)}
        elif kind == "atlas" and self.atlas is not None:
            data = self.atlas.shard(rest)
        elif kind == "tables" and rest in self._tables:
            data = table_shard(self.looks, self._tables[rest])
        return None if data is None else shard_text(name, data)

    def _index(self, kind: str, number: str) -> dict[str, object] | None:
        counts = {"images": len(self._images), "neurons": len(self.looks.neurons.ids)}
        if kind not in counts or not (number.isascii() and number.isdecimal() and len(number) < 9):
            return None
        if int(number) >= _pages(counts[kind]) or number != str(int(number)):
            return None
        return (image_index if kind == "images" else neuron_index)(self.looks, int(number))

    @cached_property
    def _pictured(self) -> dict[str, str]:
        """Key -> image, of those with a page, and those that neurons' pages show."""
        return self._images | {key_of(image): image for image in self.looks.maps.ids}

    def _drawn(self, key: str) -> str:
        """A thumbnail as a data URL: from file:// no script may read the file, and drawings hold their pictures."""
        small = self.thumb(key)
        assert small is not None
        return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"

    def thumbs(self) -> list[str]:
        """Keys of all images that have a thumbnail."""
        return list(self._pictured)

    def thumb(self, key: str) -> bytes | None:
        """The JPEG of an image in lists; None where there is no such image."""
        image = self._pictured.get(key)
        if image is None:
            return None
        small = image in self.looks.maps
        return thumbnail((self.looks.maps if small else self.looks.images)[image]["picture"])

    def downloads(self) -> dict[str, Path]:
        """Files of the run that pages offer as they are: path below ``downloads`` -> file."""
        return {path: self.run.folder / path for path, _ in downloads(self.run)}


def _pages(rows: int) -> int:
    return -(-rows // PAGE)
