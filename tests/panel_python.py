"""The Python lines that a panel of the explorer gives, run for real."""

from __future__ import annotations

import os
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any


def code_of(page: Any, panel: str) -> str:
    """The lines behind the panel's button."""
    page.locator(f"#{panel} details.menu summary").click()
    page.locator(f"#{panel} details.menu button", has_text="Python").click()
    code = str(page.locator("dialog.code code").inner_text())
    page.locator("dialog.code button", has_text="Close").click()
    return code


def said_by(page: Any, panel: str, folder: str | os.PathLike[str] | None = None) -> list[str]:
    """What they print where they are started in a folder: that which holds the run."""
    code, out = code_of(page, panel), StringIO()
    with chdir(Path(folder or ".")), redirect_stdout(out):
        exec(compile(code, panel, "exec"), {})
    return out.getvalue().splitlines()
