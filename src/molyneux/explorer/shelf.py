"""What a server has to show: a run's book, and one small book for each image that was handed in."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from molyneux.explorer.book import Book, page_files
from molyneux.explorer.image_shards import fires_of, image_shard
from molyneux.explorer.neuron_shards import neuron_shard
from molyneux.explorer.shards import shard_text

__all__ = ["LIVE_MARK", "MOST_BOOKS", "Added", "Shelf"]

LIVE_MARK = "<!-- molyneux:live -->"
"""Where the pages take a token."""
MOST_BOOKS = 32
"""Images handed in that are kept; the oldest goes first."""


@dataclass(frozen=True)
class Added:
    """The book of one image that was handed in."""

    book: Book
    name: str
    """For people, inert."""

    @property
    def image(self) -> str:
        """Its id."""
        (image,) = self.book.looks.keys
        return image

    @property
    def key(self) -> str:
        return self.book.looks.keys[self.image]


class Shelf:
    """Files by the paths that pages ask for; what is not in it does not exist."""

    def __init__(self, book: Book, *, token: str | None) -> None:
        """Args: token: put into the pages, which switches their live parts on; None leaves them off."""
        self.book = book
        self.added: OrderedDict[str, Added] = OrderedDict()
        self._pages = {path: _page(source, token) for path, source in page_files().items()}

    @cached_property
    def _ids(self) -> dict[str, str]:
        return {key: image for image, key in self.book.looks.keys.items()}

    def page(self, path: str) -> bytes | None:
        """A page, script, style or icon of ours."""
        return self._pages.get(path)

    def add(self, one: Added) -> list[Added]:
        """Take in an image; those that have to go for it."""
        gone = [self.added.pop(one.key)] if one.key in self.added else []
        self.added[one.key] = one
        while len(self.added) > MOST_BOOKS:
            gone.append(self.added.popitem(last=False)[1])
        return gone

    def find(self, key: str) -> tuple[Book, str] | None:
        """The book that holds an image, and the image's id."""
        if key in self._ids:
            return self.book, self._ids[key]
        one = self.added.get(key)
        return None if one is None else (one.book, one.image)

    def shard(self, name: str) -> bytes | None:
        """The script of a shard; the run's own comes first."""
        text = self.book.shard(name)
        kind, _, rest = name.partition("/")
        if text is None and kind == "images" and rest in self.added:
            text = self._image(name, self.added[rest])
        if text is None and kind == "neurons" and not rest.startswith("index-"):
            added = (one for one in reversed(self.added.values()) if rest in one.book.looks.neurons)
            text = next((self._neuron(name, rest, one) for one in added), None)
        return None if text is None else text.encode("ascii")

    def thumb(self, key: str) -> bytes | None:
        """The small JPEG of an image, also of those without a page that neurons' pages show."""
        found = self.find(key)
        return (self.book if found is None else found[0]).thumb(key)

    def download(self, path: str) -> bytes | None:
        """A file of the run, if it is one that the pages offer: links are none."""
        place = self.book.downloads().get(path)
        return None if place is None else _read(place)

    def _image(self, name: str, one: Added) -> str:
        """An image handed in; what is said about its neurons is said about the run."""
        data = image_shard(one.book.looks, one.image) | {"name": one.name, "handed_in": True}
        neurons = data["neurons"]
        assert isinstance(neurons, list)
        for neuron in neurons:
            neuron["others"] = self.book.looks.images_of[neuron["name"]]
            neuron["page"] = neuron["page"] or neuron["name"] in self.book.looks.neurons
            neuron["fires"] = fires_of(self.book.looks, neuron["name"])
        return shard_text(name, data)

    def _neuron(self, name: str, neuron: str, one: Added) -> str:
        """A neuron that has a page only with an image handed in: which one, and the run's images that list it."""
        data = neuron_shard(one.book.looks, neuron)
        told = {"key": one.key, "name": one.name, "others": self.book.looks.images_of[neuron]}
        for kind in ("top", "random", "named", "effects"):
            places = data[kind]
            assert isinstance(places, list)
            for place in places:  # on that image, whose id says nothing to whoever handed it in
                place |= {"id": one.name} | ({"name": one.name} if "name" in place else {})
        return shard_text(name, data | {"handed_in": told})


def _page(source: Path, token: str | None) -> bytes:
    content = source.read_bytes()
    if token is None or source.suffix != ".html":
        return content
    return content.replace(LIVE_MARK.encode(), f'<meta name="molyneux-live" content="{token}">'.encode())


def _read(path: Path) -> bytes | None:
    """The content of a file that is no link."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with open(handle, "rb") as file:
        return file.read()
