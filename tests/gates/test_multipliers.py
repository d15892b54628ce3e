"""What the bits of a weight mean: decoded and encoded, held against the RTL's own bench by tests/rtl."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.errors import SpecError
from wattloop.gates.multipliers import _known, code_table, multiplier, multipliers
from wattloop.gates.render import render_mac
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import chosen, templates
from wattloop.gates.variants import TAGS, VARIANTS

NAMES = list(multipliers())


@st.composite
def cells(draw: st.DrawFn) -> MacSpec:
    return MacSpec(multiplier=draw(st.sampled_from(NAMES)), weight_bits=draw(st.integers(2, 8)))


@given(spec=cells())
def test_every_weight_that_a_cell_holds_comes_back_from_its_code(spec: MacSpec) -> None:
    codes = spec.weight_code(spec.weight_values)
    assert spec.weight_of_code(codes).tolist() == list(spec.weight_values)
    assert len(set(codes.tolist())) == len(spec.weight_values)
    assert 0 <= codes.min() <= codes.max() < 1 << spec.weight_code_bits


@given(spec=cells())
def test_the_weights_are_ascending_signed_integers_and_0_is_code_0(spec: MacSpec) -> None:
    values = spec.weight_values
    assert list(values) == sorted(set(values))
    assert -(1 << (spec.weight_bits - 1)) <= values[0] <= 0 <= values[-1] < 1 << (spec.weight_bits - 1)
    assert spec.weight_range == (values[0], values[-1])
    assert spec.weight_code([0]).tolist() == [0]


@given(spec=cells(), code=st.integers(0, 1 << 20))
def test_every_register_pattern_is_a_weight_that_the_cell_holds(spec: MacSpec, code: int) -> None:
    """Those too that no weight is encoded as: negative zeros and exponents beyond the last."""
    (weight,) = spec.weight_of_code([code]).tolist()
    assert weight in spec.weight_values
    assert spec.weight_code([weight])[0] <= code % (1 << spec.weight_code_bits)


@given(spec=cells(), weight=st.integers(-200, 200))
def test_a_weight_without_a_code_is_refused_by_name(spec: MacSpec, weight: int) -> None:
    if weight in spec.weight_values:
        assert spec.weight_of_code(spec.weight_code([weight])).tolist() == [weight]
    else:
        with pytest.raises(
            SpecError, match=f"the {spec.multiplier} multiplier cannot hold 1 of these weights, such as"
        ):
            spec.weight_code([0, weight])


def test_the_codes_of_the_built_in_multipliers_by_hand() -> None:
    def codes(name: str, *weights: int) -> list[int]:
        return [int(code) for code in MacSpec(multiplier=name).weight_code(weights)]

    for name in ("array", "split", "booth"):
        assert codes(name, -128, -1, 0, 127) == [0x80, 0xFF, 0x00, 0x7F]
    assert codes("sign_magnitude", -127, -1, 1, 127) == [0xFF, 0x81, 0x01, 0x7F]
    assert codes("shift", -64, -1, 1, 2, 64) == [0b1111, 0b1001, 0b0001, 0b0010, 0b0111]
    assert codes("minifloat", -112, 7, 8, 14) == [0b1_100_111, 0b0_000_111, 0b0_001_100, 0b0_001_111]


def test_the_least_weight_has_no_sign_and_magnitude() -> None:
    spec = MacSpec(multiplier="sign_magnitude")
    assert spec.weight_range == (-127, 127)
    with pytest.raises(SpecError, match="cannot hold 1 of these weights, such as -128"):
        spec.weight_code([-128])


def test_every_multiplier_is_a_template_and_so_are_the_variants() -> None:
    known = templates()
    assert set(NAMES) < set(known)
    assert len(set(known.values())) == len(known)
    assert chosen(["all"]) == known
    assert list(chosen(["booth", "array", "booth"])) == ["booth", "array"]
    for wrong in (["wallace"], []):
        with pytest.raises(SpecError, match="unknown template"):
            chosen(wrong)


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


def test_the_modules_of_all_templates_have_names_of_their_own() -> None:
    cells = templates().values()
    assert len({cell.module_name for cell in cells}) == len(cells)
    assert np.all([cell.module_name.isidentifier() for cell in cells])
