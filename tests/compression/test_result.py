"""A result comes back from its files, or they are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wattloop.compression.result import CompressionResult
from wattloop.errors import StorageError


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
