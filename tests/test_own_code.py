"""Code of the user's own is found, run when it is named, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattloop import own_code
from wattloop.errors import ConfigError


def written(folder: Path, text: str, name: str = "net.py") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_function_in_a_file_is_called_with_the_arguments(tmp_path: Path) -> None:
    path = written(tmp_path, "def make(a, b=1):\n    return a + b\n")
    assert own_code.call(f"{path}:make", {"a": 2, "b": 3}, "network.model") == 5


def test_a_file_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "NUMBER = 7\n", "beside_the_network.py")
    path = written(tmp_path, "from beside_the_network import NUMBER\n\ndef make():\n    return NUMBER\n")
    assert own_code.call(f"{path}:make", {}, "network.model") == 7


def test_something_importable_is_called(tmp_path: Path) -> None:
    assert own_code.call("collections:OrderedDict", {"a": 1}, "network.model") == {"a": 1}


def test_files_are_looked_for_from_a_folder_on() -> None:
    assert own_code.located("net.py:make", Path("/there")) == "/there/net.py:make"
    assert own_code.located("/here/net.py:make", Path("/there")) == "/here/net.py:make"
    assert own_code.title("/here/net.py:make") == "net.py:make"


REFUSED = {
    "net.py": "names no code",
    "nowhere.py:make": "FileNotFoundError: there is no file",
    "no_such_package_at_all:make": "cannot be imported: ModuleNotFoundError",
    "math:no_such_function": "no_such_function does not exist in math",
    "math:pi": "pi is no function or class in math",
    "math:sqrt": "math:sqrt fails: TypeError",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_called_is_told_in_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[name]) as caught:
        own_code.call(name, {}, "network.model")
    assert str(caught.value).startswith("network.model: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", ["raise ValueError('no\\nway')", "import sys; sys.exit(3)", "1 +"])
def test_a_file_that_fails_is_told_and_may_be_mended(tmp_path: Path, body: str) -> None:
    path = written(tmp_path, body + "\n")
    with pytest.raises(ConfigError, match=r"net\.py:make cannot be imported") as caught:
        own_code.load(f"{path}:make", "network.model")
    assert "\n" not in str(caught.value)
    written(tmp_path, "def make():\n    return 1\n")
    assert own_code.call(f"{path}:make", {}, "network.model") == 1


def test_the_digest_follows_the_source(tmp_path: Path) -> None:
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = written(folder, f"def make():\n    return {number}\n")
        found.append(own_code.digest([own_code.load(f"{path}:make", "network.model")]))
    assert found[0] != found[1]


def test_the_digest_follows_what_a_file_imports_from_its_folder(tmp_path: Path) -> None:
    name = written(tmp_path, "from digest_layers import act\n\ndef make():\n    return act(-2)\n") + ":make"
    found = {}
    for text in ("abs(x)", "min(x)", "abs(x)"):  # of one length, in one second
        written(tmp_path, f"def min(x):\n    return x\n\ndef act(x):\n    return {text}\n", "digest_layers.py")
        value = own_code.call(name, {}, "network.model")
        assert value == {"abs(x)": 2, "min(x)": -2}[text]
        assert found.setdefault(value, own_code.digest((), name)) == own_code.digest((), name)
    assert found[2] != found[-2]


def test_an_edit_runs_and_what_ran_before_keeps_its_digest(tmp_path: Path) -> None:
    name = written(tmp_path, "def make():\n    return 1\n") + ":make"
    assert own_code.call(name, {}, "network.model") == 1
    before = own_code.digest((), name)
    written(tmp_path, "def make():\n    return 2\n")
    assert own_code.digest((), name) == before
    assert own_code.call(name, {}, "network.model") == 2
    assert own_code.digest((), name) != before


def test_an_edited_package_is_imported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "edited_package"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    written(package, "", "__init__.py")
    written(package, "from edited_package.layers import V\n\ndef make():\n    return V\n")
    for number in (1, 2):
        written(package, f"V = {number}\n", "layers.py")
        assert own_code.call("edited_package.net:make", {}, "network.model") == number


def test_modules_of_one_name_lie_beside_files_of_two_folders(tmp_path: Path) -> None:
    for folder in ("a", "b", "a"):
        (tmp_path / folder).mkdir(exist_ok=True)
        written(tmp_path / folder, f"V = {folder!r}\n", "layers_beside.py")
        path = written(tmp_path / folder, "from layers_beside import V\n\ndef make():\n    return V\n")
        assert own_code.call(f"{path}:make", {}, "network.model") == folder
