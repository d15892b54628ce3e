"""A result comes back from its files, or they are named."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from wattloop.compression.bound_facts import BoundFacts
from wattloop.compression.result import CompressionResult
from wattloop.errors import OldFormatError, StorageError


def test_a_result_comes_back_from_disk_to_the_bit(result: CompressionResult, tmp_path: Path) -> None:
    result.save(tmp_path / "run")
    again = CompressionResult.load(tmp_path / "run")
    assert again == result
    assert result.network is not None
    assert again.network is not None
    for name, tensor in result.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name


@pytest.mark.parametrize("name", ["result.json", "layers.parquet", "values.parquet", "journal.jsonl", "rows.json"])
def test_a_missing_or_damaged_file_of_a_result_is_named(result: CompressionResult, tmp_path: Path, name: str) -> None:
    result.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-40])
    with pytest.raises(StorageError, match="damaged"):
        CompressionResult.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(StorageError, match=name):
        CompressionResult.load(tmp_path)


def test_a_result_of_the_earlier_format_is_read_and_one_of_a_later_is_refused(
    result: CompressionResult, tmp_path: Path
) -> None:
    """Format 2 is 3 without the columns of delay bounds."""
    result.save(tmp_path)
    rows = json.loads((tmp_path / "rows.json").read_text())
    new = {field.name for field in fields(BoundFacts)}
    older = [{name: value for name, value in row.items() if name not in new} for row in rows]
    (tmp_path / "rows.json").write_text(json.dumps(older))
    text = (tmp_path / "result.json").read_text()
    assert '"format": 3' in text
    (tmp_path / "result.json").write_text(text.replace('"format": 3', '"format": 2'))
    assert CompressionResult.load(tmp_path) == result
    (tmp_path / "result.json").write_text(text.replace('"format": 3', '"format": 9'))
    with pytest.raises(OldFormatError, match=r"is of format 9, .* \(it reads 2, 3\): run the compression again"):
        CompressionResult.load(tmp_path)
