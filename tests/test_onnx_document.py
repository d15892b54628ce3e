"""What docs/onnx.md tells people to type runs, in that order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import onnx
import pytest
from tests.nn.interchange.foreign import CalibrationImages, float_model
from typer.testing import CliRunner

from wattloop.cli.main import app

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "onnx.md").read_text(), re.DOTALL)


def test_the_commands_and_the_code_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").symlink_to(ROOT / "models")
    onnx.save(float_model(matmul=True), "float.onnx")
    said, known = "", {"calibration": CalibrationImages()}
    for language, text in BLOCKS:
        if language == "python":
            exec(text, known)
            continue
        for _, *args in map(shlex.split, text.splitlines()):
            done = CliRunner().invoke(app, args, catch_exceptions=False)
            assert done.exit_code == 0, f"{args}: {done.output}"
            said += done.stdout
    assert [language for language, _ in BLOCKS] == ["sh", "python", "sh", "python"]
    assert known["logits"].shape == (1, 10)  # type: ignore[attr-defined]
    assert said.count("20 layers, 268336 weights") == 3
    done = CliRunner().invoke(app, ["import", "model.onnx", "--out", "model.safetensors"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "fc" in done.stdout
