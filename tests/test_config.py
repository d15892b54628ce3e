from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop import config
from wattloop.errors import ConfigError


@dataclass(frozen=True)
class Cell:
    bits: int = 8
    kind: Literal["array", "booth"] = "array"

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise ConfigError(f"bits = {self.bits} is illegal; legal: 2 to 8")


@dataclass(frozen=True)
class Hardware:
    library: str = "nangate15"
    clock_ps: float = 200.0
    cell: Cell = field(default_factory=Cell)


@dataclass(frozen=True)
class Settings:
    seed: int = 1
    name: str | None = None
    quick: bool = False
    ratios: tuple[float, ...] = (0.3, 0.5)
    pair: tuple[int, int] = (1, 2)
    tiles: int | Literal["all"] = 4
    hardware: Hardware = field(default_factory=Hardware)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False)
SETTINGS = st.builds(
    Settings,
    seed=st.integers(-(2**63), 2**63 - 1),
    name=st.none() | TEXT,
    quick=st.booleans(),
    ratios=st.lists(NUMBERS).map(tuple),
    pair=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    tiles=st.integers(0, 9) | st.just("all"),
    hardware=st.builds(
        Hardware,
        library=TEXT,
        clock_ps=NUMBERS,
        cell=st.builds(Cell, bits=st.integers(2, 8), kind=st.sampled_from(["array", "booth"])),
    ),
)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    def read(text: str, **overrides: str) -> str:
        path = tmp_path / "a.toml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            config.read(Settings, path, {key.replace("__", "."): value for key, value in overrides.items()})
        message = str(caught.value)
        assert "\n" not in message
        return message.replace(f"{tmp_path}/", "")

    return read


@given(SETTINGS)
def test_what_is_dumped_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> None:
    path = tmp_path_factory.mktemp("config") / "a.toml"
    path.write_text(config.dump(settings), encoding="utf-8", newline="")
    assert config.read(Settings, path) == settings


def test_no_file_means_the_defaults() -> None:
    assert config.read(Settings) == Settings()


def test_a_dump_writes_every_default_out() -> None:
    assert tomllib.loads(config.dump(Settings()))["hardware"]["cell"] == {"bits": 8, "kind": "array"}


def test_whole_numbers_do_for_floats(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[hardware]\nclock_ps = 150")
    read = config.read(Settings, tmp_path / "a.toml").hardware.clock_ps
    assert (read, type(read)) == (150.0, float)


CASES = {
    "a typo names the line, the nearest key and all legal ones": (
        "# comment\n[hardware]\nclock_ps = 1\nlibary = 'x'\n",
        "a.toml:4: hardware.libary: unknown key; did you mean library? (legal keys: cell, clock_ps, library)",
    ),
    "an unknown table": (
        "\n[hardwear.cell]\nbits = 8",
        "a.toml:2: hardwear: unknown key; did you mean hardware? (legal keys: hardware, name, pair, ",
    ),
    "a key like no other": ("xyzzy = 1", "a.toml:1: xyzzy: unknown key (legal keys: hardware, name, pair, quick, "),
    "a string for a number": ("seed = '1'", "a.toml:1: seed: '1' is a string; expected a whole number"),
    "a fraction for a whole number": ("seed = 1.5", "a.toml:1: seed: 1.5 is a number; expected a whole number"),
    "true is not 1": ("seed = true", "a.toml:1: seed: True is true or false; expected a whole number"),
    "a number for a string": ("[hardware]\nlibrary = 3", "a.toml:2: hardware.library: 3 is a whole number; expected a"),
    "a value for a table": ("hardware = 3", "a.toml:1: hardware: 3 is a whole number; expected a table"),
    "a table for a value": ("[seed]\nx = 1", "a.toml:1: seed: {'x': 1} is a table; expected a whole number"),
    "a string for a list": ("ratios = 'abc'", "a.toml:1: ratios: 'abc' is a string; expected a list"),
    "a wrong element of a list": ("ratios = [0.5, 'x']", "a.toml:1: ratios: 'x' is a string; expected a number"),
    "a pair of three": ("pair = [1, 2, 3]", "a.toml:1: pair: [1, 2, 3] has 3 values; expected 2"),
    "none of the legal words": (
        "[hardware.cell]\n\nkind = 'both'",
        "a.toml:3: hardware.cell.kind: 'both' is illegal; legal: array, booth",
    ),
    "out of range": (
        "[hardware]\ncell.bits = 9",
        "a.toml:2: hardware.cell.bits: bits = 9 is illegal; legal: 2 to 8",
    ),
    "neither of two types": (
        'tiles = "some"',
        "a.toml:1: tiles: 'some' is illegal; expected a whole number or legal: all",
    ),
    "brackets without end": ("a = " + "[" * 30_000, "a.toml: not settings: brackets within brackets"),
    "a file that is no settings file": ("#" * 65_537, "a.toml: larger than 65536 bytes: not settings"),
    "not TOML": ("seed = ", "a.toml: not TOML: Invalid value (at "),
}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES.keys())
def test_a_wrong_file_is_refused_with_file_line_and_key(text: str, message: str, refused: Callable[..., str]) -> None:
    assert refused(text).startswith(message)


def test_an_override_is_read_like_the_file(tmp_path: Path) -> None:
    overrides = {"hardware.cell.kind": "booth", "hardware.clock_ps": "150", "ratios": "[1]", "name": "true story"}
    read = config.read(Settings, None, overrides)
    assert read.hardware == Hardware(clock_ps=150.0, cell=Cell(kind="booth"))
    assert (read.ratios, read.name) == ((1.0,), "true story")


def test_a_wrong_override_is_not_blamed_on_the_file(refused: Callable[..., str]) -> None:
    assert refused("seed = 1", hardware__libary="x").startswith("hardware.libary: unknown key; did you mean library?")
    assert refused("seed = 1", seed__x="1") == "seed.x: seed is a value, not a table of values"


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        config.read(Settings, tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml: cannot be read: not UTF-8 text"):
        config.read(Settings, tmp_path / "binary.toml")
