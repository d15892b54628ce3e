"""Python code of the user's own, named in settings as "file.py:name" or "package.module:name".

Importing it runs it. That is done for names in settings alone, never for what a checkpoint or another file says.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from wattloop.errors import ConfigError


def is_own(name: str) -> bool:
    """Whether a name means code of the user's own.

    >>> is_own("net.py:make"), is_own("resnet20")
    (True, False)
    """
    return ":" in name


def located(name: str, folder: Path) -> str:
    """The same with a file from `folder` on; other names as they are.

    >>> located("timm:create_model", Path("/home"))
    'timm:create_model'
    """
    home, _, attribute = name.rpartition(":")
    return f"{folder.absolute() / Path(home).expanduser()}:{attribute}" if home.endswith(".py") else name


def title(name: str) -> str:
    """A name to show, without the folders.

    >>> title("/home/me/net.py:make"), title("timm:create_model")
    ('net.py:make', 'timm:create_model')
    """
    home, colon, attribute = name.rpartition(":")
    return f"{Path(home).name}:{attribute}" if home.endswith(".py") else f"{home}{colon}{attribute}"


def load(name: str, key: str) -> Callable[..., Any]:
    """Import what `name` says.

    Args:
        name: "file.py:name", the file from the current folder on, or "package.module:name".
        key: the setting that names it, for messages.

    Raises:
        ConfigError: there is no such file, module or name, or importing it fails; the message says which and why.
    """
    home, _, attribute = name.rpartition(":")
    if not (home and attribute):
        raise ConfigError(f"{key}: {name!r} names no code: give file.py:name or package.module:name")
    with fault(f"{key}: {title(name)} cannot be imported"):
        module = _from_file(Path(home).absolute()) if home.endswith(".py") else importlib.import_module(home)
    found = getattr(module, attribute, None)
    if not callable(found):
        there = "is no function or class" if hasattr(module, attribute) else "does not exist"
        raise ConfigError(f"{key}: {title(name)}: {attribute} {there} in {title(home + ':').rstrip(':')}")
    loaded: Callable[..., Any] = found
    return loaded


def call(name: str, arguments: Mapping[str, Any], key: str) -> Any:
    """What the code gives for some keyword arguments.

    Raises:
        ConfigError: as `load`, or the code fails.
    """
    function = load(name, key)
    with fault(f"{key}: {title(name)} fails"):
        return function(**arguments)


@contextmanager
def fault(where: str) -> Iterator[None]:
    """Around code of the user's own: whatever it raises becomes a `ConfigError` of one line, `where` and why."""
    try:
        yield
    except (Exception, SystemExit) as error:  # whatever a user's code may raise
        said = " ".join(str(error).split())
        raise ConfigError(f"{where}: {type(error).__name__}{f': {said}' if said else ''}") from error


def digest(objects: Iterable[object]) -> str:
    """What changes when the source files of some functions or classes do (SHA-256)."""
    files = sorted({file for each in objects if (file := _file_of(each)) is not None})
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _file_of(code: object) -> Path | None:
    try:
        found = inspect.getsourcefile(code)  # type: ignore[arg-type]
    except TypeError:  # built into Python
        return None
    return Path(found) if found is not None and Path(found).is_file() else None


@functools.cache
def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    # Files of the same name may lie in several folders.
    name = f"wattloop_own_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their annotations up there
    sys.path.insert(0, str(path.parent))  # modules beside it, as for a script
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module
