"""Python code of the user's own, named in settings as "file.py:name" or "package.module:name".

Importing it runs it. That is done for names in settings alone, never for what a checkpoint or another file says.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wattloop.errors import ConfigError

_PREFIX = "wattloop_own_"  # of the modules that are made here


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
    """Import what `name` says; again where a file of it has changed since.

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
        module = _loaded(home).module
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


def digest(objects: Iterable[object], name: str | None = None) -> str:
    """What changes when the source files of some functions or classes do (SHA-256).

    Args:
        objects: functions and classes.
        name: of code that `load` was asked for: its file counts too, with all modules that were imported from the
            folder of that file or below, or of that package; as they were read, should they have changed since.
    """
    home = "" if name is None else name.rpartition(":")[0]
    known = _LOADED.get(_place(home))
    read = {} if known is None else known.files
    for module in set() if known is None else _files(home):  # what was imported later
        read.setdefault(module, _sha(module))
    found = {file for each in objects if (file := _file_of(each)) is not None} | set(read)
    lines = sorted(f"{read.get(file) or _sha(file)} {file.name}" for file in found)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "gone"


def _file_of(code: object) -> Path | None:
    try:
        found = inspect.getsourcefile(code)  # type: ignore[arg-type]
    except TypeError:  # built into Python
        return None
    return Path(found).absolute() if found is not None and Path(found).is_file() else None


@dataclass(frozen=True)
class _Loaded:
    """A module and the files that it was read from, with their SHA-256."""

    module: ModuleType
    files: dict[Path, str]


_LOADED: dict[str, _Loaded] = {}


def _place(home: str) -> str:
    return str(Path(home).absolute()) if home.endswith(".py") else home


def _loaded(home: str) -> _Loaded:
    """A module, imported again where one of its files is another by now: code and digest stay of one piece."""
    place = _place(home)
    known = _LOADED.get(place)
    if known is not None and all(_is_library(file) or _sha(file) == was for file, was in known.files.items()):
        return known
    if known is not None:
        del _LOADED[place]
        for name in [name for name, file in _imported().items() if file in known.files and not _is_library(file)]:
            del sys.modules[name]
        importlib.invalidate_caches()
    module = _from_file(Path(place)) if home.endswith(".py") else importlib.import_module(home)
    _LOADED[place] = _Loaded(module, {file: _sha(file) for file in _files(home)})
    return _LOADED[place]


def _imported() -> dict[str, Path]:
    """The files of what is imported; the script that runs is not, and is never imported again."""
    # From the modules' dictionaries: some import more when they are asked for an attribute.
    found = {name: getattr(module, "__dict__", {}).get("__file__") for name, module in list(sys.modules.items())}
    return {name: Path(file) for name, file in found.items() if isinstance(file, str) and name != "__main__"}


def _is_library(file: Path) -> bool:
    """Whether a file is Python's, wattloop's or of an installed package: those do not change while they run."""
    homes = (sysconfig.get_path("stdlib"), str(Path(__file__).parent))
    return str(file).startswith(homes) or not {"site-packages", "dist-packages"}.isdisjoint(file.parts)


def _files(home: str) -> set[Path]:
    """The files that code was imported from, as far as they lie in its folder or below, or in its package."""
    top, imported = home.partition(".")[0], _imported()
    if home.endswith(".py"):
        file = Path(_place(home))
        return {file} | _below(file.parent, imported)
    named = {file for name, file in imported.items() if name.partition(".")[0] == top and top != "torch"}
    folders = {imported[top].parent} if top in imported and not _is_library(imported[top]) else set()
    return named.union(*(_below(folder, imported) for folder in folders))


def _below(folder: Path, imported: Mapping[str, Path]) -> set[Path]:
    own = {file for name, file in imported.items() if not name.startswith(_PREFIX)}  # others that settings name
    return {file for file in own if file.is_relative_to(folder) and not _is_library(file)}


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    # Files of the same name may lie in several folders.
    name = f"{_PREFIX}{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    _make_way(path.parent)
    sys.modules[name] = module  # dataclasses look their annotations up there
    try:
        with _as_script_in(path.parent):
            exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _make_way(folder: Path) -> None:
    """Forget modules from elsewhere that are called as ones in `folder`, which would be taken in their place."""
    beside = {file.stem for file in folder.glob("*.py")} | {file.parent.name for file in folder.glob("*/__init__.py")}
    for name, file in _imported().items():
        if name.partition(".")[0] in beside and not file.is_relative_to(folder) and not _is_library(file):
            del sys.modules[name]


@contextmanager
def _as_script_in(folder: Path) -> Iterator[None]:
    """Modules are found beside a file as for a script.

    None is compiled to a file: Python takes an old one for the new one after a change of equal length in one second.
    """
    before = sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        sys.path.remove(str(folder))
