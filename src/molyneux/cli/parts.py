"""``--projection``, ``--vision``, ``--text``, ``--prompt``: what a model is made of and asked, beside ``--model``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

__all__ = ["Projection", "Prompt", "Text", "Vision", "chosen_parts", "with_parts"]


_PANEL = "Model"
Projection = Annotated[
    str | None,
    typer.Option(
        "--projection",
        metavar="PATH",
        help="Of a LiMBeR preset: the published proj.ckpt.",
        rich_help_panel=_PANEL,
    ),
]
Vision = Annotated[
    str | None,
    typer.Option(
        "--vision",
        metavar="MODEL",
        help="Of a preset: a folder or hub id in the place of its encoder.",
        rich_help_panel=_PANEL,
    ),
]
Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="MODEL",
        help="Of a preset: a folder or hub id in the place of its language model.",
        rich_help_panel=_PANEL,
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        metavar="TEXT",
        help="After the image, in place of the model's own: 'A picture of', or a request in its chat template.",
        rich_help_panel=_PANEL,
    ),
]
_PARTS: dict[str, Any] = {"projection": Projection, "vision": Vision, "text": Text, "prompt": Prompt}
_CHOSEN: ContextVar[dict[str, Any] | None] = ContextVar("chosen parts", default=None)


def chosen_parts() -> dict[str, Any]:
    """The parts that the running verb was given, as keyword arguments of ``load``."""
    return dict(_CHOSEN.get() or {})


def with_parts(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with these options after ``--model``; its function need not know of them."""

    @wraps(verb)
    def run(**given: Any) -> Any:
        parts = {name: given.pop(name) for name in _PARTS}
        token = _CHOSEN.set({name: value for name, value in parts.items() if value is not None})
        try:
            return verb(**given)
        finally:
            _CHOSEN.reset(token)

    hints = get_type_hints(verb, include_extras=True)
    signature = inspect.signature(verb)
    shown = [one.replace(annotation=hints[one.name]) for one in signature.parameters.values()]
    at = [parameter.name for parameter in shown].index("model") + 1
    shown[at:at] = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kind)
        for name, kind in _PARTS.items()
    ]
    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    run.__annotations__ = hints | _PARTS
    del run.__wrapped__  # or the options would be read from the verb itself
    return run
