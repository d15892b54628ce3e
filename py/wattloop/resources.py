"""Where the templates are: `rtl/`, `sim/` and `testbenches/` of the checkout, or their copies in the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.errors import StorageError

if TYPE_CHECKING:
    import jinja2

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Folder `name` ("rtl", "sim" or "testbenches").

    Raises:
        StorageError: neither in the installed package nor in a checkout around it.
    """
    for base in (_PACKAGE / "_resources", _PACKAGE.parent.parent):
        candidate = base / name
        if candidate.is_dir():
            return candidate
    raise StorageError(f"the folder {name}/ is missing from this installation: reinstall wattloop")


def templates(name: str) -> jinja2.Environment:
    """The Jinja templates in folder `name`; a value that one needs and nobody gave is an error of the caller."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder(name)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
