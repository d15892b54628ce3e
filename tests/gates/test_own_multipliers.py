"""Multipliers of one's own: found, checked, and refused in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wattloop.errors import SpecError
from wattloop.gates.multipliers import _known, code_table, multiplier, multipliers
from wattloop.gates.render import render_mac
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import templates
from wattloop.gates.variants import TAGS, VARIANTS

NAMES = list(multipliers())

OWN = """
import numpy as np
from dataclasses import dataclass
from wattloop.gates.multipliers import Multiplier, TwosComplement

@dataclass(frozen=True)
class Mine(TwosComplement):
    name: str = "{name}"
    title: str = "mine"
    template: str = "{template}"

    def decode(self, codes, weight_bits):
        return {decode}

MULTIPLIER = Mine()
"""


def known_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("WATTLOOP_MULTIPLIERS", os.pathsep.join([os.environ["WATTLOOP_MULTIPLIERS"], str(path)]))
    return list(multipliers())


def test_a_file_beside_another_adds_a_multiplier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN.format(name="mine", template="mul_array.sv.j2", decode="super().decode(codes, weight_bits)"))
    assert known_with(path, monkeypatch) == [*NAMES, "mine"]
    assert multiplier("mine").title == "mine"
    assert "mine" in templates()
    assert "module mac_w8a8p22_mine (" in render_mac(MacSpec(multiplier="mine"))
    assert code_table(multiplier("mine"), 8)[0].tolist() == list(range(-128, 128))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN.format(name="array", template="x", decode="codes"), "a multiplier named 'array' exists already"),
        (OWN.format(name="a-b", template="x", decode="codes"), "'a-b' cannot be part of a module's name"),
        (OWN.format(name="m", template="x", decode="codes - 1"), "code 0 of 2-bit weights must be weight 0"),
        (OWN.format(name="m", template="x", decode="codes"), r"its 2-bit codes stand for weights beyond -2\.\.1"),
        ("MULTIPLIER = 3", "gives a int: it has to be an instance of a subclass of Multiplier"),
        ("x = 1", "which has no MULTIPLIER"),
        ("raise ValueError('no luck')", "cannot be loaded: ValueError: no luck"),
        (None, "cannot be loaded: .*No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SpecError, match=message) as caught:
        known_with(path, monkeypatch)
    assert "\n" not in str(caught.value)


BROKEN = """
import numpy as np
from dataclasses import dataclass, field
from wattloop.gates.multipliers import TwosComplement

@dataclass(frozen=True)
class Mine(TwosComplement):
    name: str = "mine"
    title: str = "mine"
    template: str = "mine.sv.j2"
    {body}

MULTIPLIER = Mine({arguments})
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def decode(self, codes, bits): raise KeyError('two\\nlines')", r"decode\(\) of 2-bit weights fails: KeyE"),
        ("def decode(self, codes, bits): codes -= codes; return codes[:, 1]", "weights fails: IndexError: "),
        ("def decode(self, codes, bits): return codes.tolist()", r"decode\(\) of 2-bit weights gives a list: it"),
        ("def decode(self, codes, bits): return None", "gives a NoneType: it has to be an array of integers"),
        ("def decode(self, codes, bits): return codes * 0.5", r"gives float64 of shape \(4,\): it has to be"),
        ("def decode(self, codes, bits): return codes > 9", r"gives bool of shape \(4,\): it has to be"),
        ("def decode(self, codes, bits): return codes[:2] * 0", r"gives int64 of shape \(2,\): it has to be .* \(4,\)"),
        ("def decode(self, codes, bits): return (codes * 0).sum()", r"gives a int64: it has to be"),
        ("def code_bits(self, bits): return 2.0", r"code_bits\(2\) gives 2\.0: it has to be an int of 1 to 16"),
        ("def code_bits(self, bits): return True", r"code_bits\(2\) gives True"),
        ("def code_bits(self, bits): return 0", r"code_bits\(2\) gives 0"),
        ("def code_bits(self, bits): return 17", r"code_bits\(2\) gives 17"),
        ("def code_bits(self, bits): return '8'", r"code_bits\(2\) gives '8'"),
        ("def code_bits(self, bits): return 1 / 0", r"code_bits\(2\) fails: ZeroDivisionError: division by zero"),
        ("name: str = 3", "its name is 3: give a string of one line"),
        ("name: str = ''", "its name is '': give a string of one line"),
        ("title: str = 'two\\nlines'", "its title is 'two.*nlines': give a string of one line"),
        ("template: str = None", "its template is None: give a string of one line"),
        ("name: str = 'all'", "'all' is the name of a word of the commands already; choose another name"),
        ("name: str = 'reference'", "'reference' is the name of a word of the commands already"),
        ("name: str = 'naïve'", "'naïve' cannot be part of a module's name"),
        *[(f"name: str = 'mine_{tag}'", f"'mine_{tag}' ends as module names tell options") for tag in TAGS],
        *[(f"name: str = {name!r}", f"{name!r} is the name of a template already") for name in VARIANTS],
        ("digits: list = field(default_factory=list)", "cannot be hashed; .*: TypeError: unhashable type: 'list'"),
        ("import sys; sys.exit(3)", "cannot be loaded: SystemExit: 3"),
    ],
)  # fmt: skip
def test_what_a_multiplier_gets_wrong_is_told_in_one_line(
    body: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(BROKEN.format(body=body, arguments=""))
    with pytest.raises(SpecError, match=message) as caught:
        known_with(path, monkeypatch)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "template", "message"),
    [
        ("def numbers(self, spec): return 1 / 0", "", r"multiplier mine: numbers\(\) fails: ZeroDivisionError"),
        ("def numbers(self, spec): return None", "", r"multiplier mine: numbers\(\) fails: TypeError"),
        ("def check(self, spec): return spec.no", "", r"multiplier mine: check\(\) fails: AttributeError"),
        ("", "{{ multiplier.digits }}", r"template mine\.sv\.j2 cannot be rendered: UndefinedError: .*'digits'"),
        ("", "{{ multiplier.title | bus }}", r"template mine\.sv\.j2 cannot be rendered: TypeError"),
        ("", "{% include 'no.j2' %}", r"template mine\.sv\.j2 cannot be rendered: TemplateNotFound: .*no\.j2"),
        ("", "a\n{% if %}\n", r"template mine\.sv\.j2 cannot be read: TemplateSyntaxError: .*, line 2"),
        (
            "",
            "{{ mac.psum_bits | no_such }}",
            r"template mine\.sv\.j2 cannot be read: TemplateAssertionError: .*no_such",
        ),
        ("", b"\xff", r"template mine\.sv\.j2 cannot be read: UnicodeDecodeError"),
    ],
)
def test_what_fails_when_the_cell_is_rendered_is_told_in_one_line(
    body: str, template: str | bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(BROKEN.format(body=body, arguments=""))
    (tmp_path / "mine.sv.j2").write_bytes(template if isinstance(template, bytes) else template.encode())
    known_with(path, monkeypatch)
    with pytest.raises(SpecError, match=message) as caught:
        render_mac(MacSpec(multiplier="mine"))
    assert "\n" not in str(caught.value)


def test_a_check_may_refuse_a_spec_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    refusal = "from wattloop.errors import SpecError; raise SpecError('odd widths only')"
    path.write_text(BROKEN.format(body=f"def check(self, spec): {refusal}", arguments=""))
    known_with(path, monkeypatch)
    with pytest.raises(SpecError, match=r"^odd widths only$"):
        MacSpec(multiplier="mine")


def test_a_template_is_looked_up_beside_the_file_of_its_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of one name in two folders each find their own."""
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(tmp_path / name / "mine.py")
        paths[-1].write_text(BROKEN.format(body="", arguments=f"name='{name}'"))
        (tmp_path / name / "mine.sv.j2").write_text(f"// the template of {name}\n  assign sum = p_add;\n")
    monkeypatch.chdir(tmp_path / "one")  # which must not matter
    monkeypatch.setenv("WATTLOOP_MULTIPLIERS", os.pathsep.join(map(str, paths)))
    for name in ("one", "two"):
        assert f"// the template of {name}\n" in render_mac(MacSpec(multiplier=name))
    (tmp_path / "one" / "mine.sv.j2").unlink()
    with pytest.raises(SpecError, match=r"template mine\.sv\.j2 cannot be read: TemplateNotFound"):
        render_mac(MacSpec(multiplier="one"))


def test_weights_of_codes_are_those_that_were_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`decode` is given all codes in a row, which it may write to, whatever the shape of what is asked for."""
    path = tmp_path / "mine.py"
    body = "def decode(self, codes, bits): codes -= (codes >> (bits - 1)) << bits; return codes.astype(np.int8)"
    path.write_text(BROKEN.format(body=body, arguments=""))
    known_with(path, monkeypatch)
    spec = MacSpec(multiplier="mine")
    assert spec.weight_of_code([[0, 127], [128, 255]]).tolist() == [[0, 127], [-128, -1]]
    assert spec.weight_of_code([[0]]).dtype == np.int64
    assert spec.weight_code([-128, 5]).tolist() == [128, 5]


@pytest.fixture
def nothing_known() -> Iterator[None]:
    _known.cache_clear()
    yield
    _known.cache_clear()


@pytest.mark.usefixtures("nothing_known")
def test_a_package_that_cannot_be_loaded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package gives its multiplier by an entry point."""
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wattloop.multipliers]\nown = mine_of_a_package:MULTIPLIER\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match=r"^entry point own cannot be loaded: ModuleNotFoundError: No module named"):
        multipliers()
    (tmp_path / "mine_of_a_package.py").write_text(BROKEN.format(body="", arguments=""))
    assert set(multipliers()) == {*NAMES, "mine"}


def test_a_template_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN.format(name="mine", template="no.j2", decode="super().decode(codes, weight_bits)"))
    known_with(path, monkeypatch)
    with pytest.raises(SpecError, match=r"the multiplier's template no\.j2 cannot be read"):
        render_mac(MacSpec(multiplier="mine"))
