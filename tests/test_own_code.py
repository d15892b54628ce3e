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
