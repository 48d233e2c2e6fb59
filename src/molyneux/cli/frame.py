"""What surrounds every verb: errors become one message and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from molyneux.ground.errors import MolyneuxError
from molyneux.ground.printable import inert

__all__ = ["DONE", "ENVIRONMENT", "INTERRUPTED", "SKIPS", "USAGE", "Verbs", "complain", "fail"]

DONE, USAGE, SKIPS, ENVIRONMENT, INTERRUPTED = 0, 2, 3, 4, 130


def complain(message: str) -> None:
    """One message on stderr."""
    from rich.text import Text

    from molyneux.cli.console import stderr

    text = Text("error ", style="bold red") + Text(inert(message), style="")
    stderr().print(text, soft_wrap=True)


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong on stderr and end with a code."""
    complain(message)
    raise typer.Exit(code)


class Verbs(TyperGroup):
    """The group of all verbs; MOLYNEUX_DEBUG=1 lets tracebacks through."""

    def invoke(self, ctx: Any) -> Any:
        """Run a verb and turn what it raises into a message."""
        _tolerate_narrow_encodings()
        if os.environ.get("MOLYNEUX_DEBUG") == "1":
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except MolyneuxError as error:
            fail(str(error), error.exit_code)
        except BrokenPipeError:
            raise  # the reader has gone (``| head``): typer ends quietly
        except MemoryError:
            fail("out of memory: expected a smaller image or model, or more memory", ENVIRONMENT)
        except ImportError as error:
            fail(f"cannot import {error.name or 'a library'}: {error}. Reinstall molyneux", ENVIRONMENT)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            fail(f"{where}{error.strerror or error}", ENVIRONMENT)
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported here
                raise
            fail(f"the device is out of memory: {str(error).splitlines()[0]}. Try --device cpu", ENVIRONMENT)


def _tolerate_narrow_encodings() -> None:
    """A terminal that cannot write a character gets a question mark, not a crash."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
