"""Where the templates are: `rtl/`, `sim/` and `testbenches/` of the checkout, or their copies in the wheel."""

from __future__ import annotations

from pathlib import Path

from wattloop.errors import StorageError

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
