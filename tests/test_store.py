from __future__ import annotations

import errno
import os
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop import store
from wattloop.errors import StorageError
from wattloop.store import Store, cache_root, content_key, write_atomic, write_if_changed

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@dataclass(frozen=True)
class Spec:
    width: int = 8


@dataclass(frozen=True)
class OtherSpec:
    width: int = 8


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def refuse_full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def canonical(value: object) -> object:
    if isinstance(value, dict):
        return {"dict": sorted((key, repr(canonical(inner))) for key, inner in value.items())}
    return [canonical(inner) for inner in value] if isinstance(value, list) else repr(value)


@given(PLAIN, PLAIN)
def test_keys_are_equal_exactly_for_equal_content(a: object, b: object) -> None:
    assert (content_key(a) == content_key(b)) == (canonical(a) == canonical(b))


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_a_mapping_is_not_content(mapping: dict[str, int]) -> None:
    assert content_key(mapping) == content_key(dict(reversed(mapping.items())))


def test_the_key_of_a_known_value_never_changes() -> None:
    # A changed key silently recomputes every cached artefact of every user.
    assert content_key(Spec(), {"clock_ps": 200.0}, b"bytes", (1, None)) == "0cbbd4a2a79c9a77dadad1f395321ea6"
    assert content_key(np.arange(3, dtype=np.int64)) == "57d0f74cc13dafc067b1ba1491bc7404"


def test_class_shape_and_type_are_part_of_the_key() -> None:
    zeros = np.zeros(4, np.int16)
    keys = [content_key(x) for x in (Spec(), OtherSpec(), zeros, zeros.reshape(2, 2), zeros.view(np.uint16), [0] * 4)]
    assert len(set(keys)) == len(keys)


def test_a_field_that_is_not_keyed_is_not_content() -> None:
    @dataclass(frozen=True)
    class Place:
        bits: int
        folder: str = field(default="here", metadata={"keyed": False})

    assert content_key(Place(1, "there")) == content_key(Place(1))
    assert content_key(Place(1)) != content_key(Place(2))


def test_a_path_has_no_content_key() -> None:
    with pytest.raises(TypeError, match="PosixPath"):
        content_key(Path("somewhere"))


def test_an_atomic_write_replaces_the_whole_file_and_honours_the_umask(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    write_atomic(target, "a longer first text")
    write_atomic(target, b"short")
    assert target.read_bytes() == b"short"
    assert everything_in(target.parent) == [target]
    plain = tmp_path / "plain"
    plain.write_text("")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_full_disk_leaves_the_old_file_and_no_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file.txt"
    write_atomic(target, "old")
    monkeypatch.setattr(store.os, "fsync", refuse_full_disk)
    with pytest.raises(StorageError, match=r"cannot write .*file\.txt: No space left on device; free space"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert everything_in(tmp_path) == [target]


def test_a_file_where_a_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_atomic(tmp_path / "occupied" / "file", "x")
    with pytest.raises(StorageError, match="cannot write"):
        Store(tmp_path / "occupied").entry("kind", "key", lambda folder: None)


def test_an_unchanged_file_keeps_its_time_stamp(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_if_changed(target, "text")
    os.utime(target, (1, 1))
    write_if_changed(target, "text")
    assert target.stat().st_mtime == 1
    write_if_changed(target, "other")
    assert target.stat().st_mtime > 1


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "result").write_text("42")

    first = Store(tmp_path).entry("kind", "key", build)
    assert Store(tmp_path).entry("kind", "key", build) == first
    assert (first / "result").read_text() == "42"
    assert len(built) == 1


def test_threads_that_want_one_entry_build_it_once(tmp_path: Path) -> None:
    built: list[int] = []
    barrier = threading.Barrier(4)

    def want() -> None:
        barrier.wait()
        Store(tmp_path).entry("kind", "key", lambda folder: built.append(1))

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


@pytest.mark.parametrize("problem", [KeyboardInterrupt, ValueError])
def test_a_build_that_fails_leaves_no_entry(tmp_path: Path, problem: type[BaseException]) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise problem

    with pytest.raises(problem):
        Store(tmp_path).entry("kind", "key", build)
    assert [p for p in everything_in(tmp_path) if not p.name.endswith(".lock")] == [tmp_path / "kind"]


def test_a_full_disk_during_a_build_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No space left on device"):
        Store(tmp_path).entry("kind", "key", refuse_full_disk)


def test_a_missing_input_of_a_build_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Store(tmp_path).entry("kind", "key", lambda folder: (folder / "absent").read_text() and None)


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLOOP_CACHE", str(tmp_path / "here"))
    assert Store().root == tmp_path / "here"


def test_a_cache_of_nobody_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLOOP_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(StorageError, match="WATTLOOP_CACHE=~nobody-of-that-name/cache"):
        cache_root()
