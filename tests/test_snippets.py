"""The Python of the documents runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_documents import DOCUMENTS, README, blocks
from tests.timing.test_profile import PROFILE

# Clusters that no test can start; their packages are not among the project's.
ELSEWHERE = ("dask_jobqueue", "dask_kubernetes")
# Run elsewhere: `test_documents` looks at what the first prints, the others' code follows commands beside it.
FOLLOWED = {README, *(README.parent / "docs" / name for name in ("onnx.md", "own-model.md"))}
SNIPPETS = [
    pytest.param(code, id=f"{document.name}-{place}")
    for document in DOCUMENTS
    if document not in FOLLOWED
    for place, code in enumerate(blocks(document, "python"))
    if not any(name in code for name in ELSEWHERE)
]


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 3


@pytest.mark.parametrize("code", SNIPPETS)
def test_it_runs(code: str, tmp_path: Path) -> None:
    # What a snippet reads of a run: a small profile in the place of one that `wattloop timing` writes.
    profile = tmp_path / "runs" / "timing" / "timing" / "worst.npz"
    profile.parent.mkdir(parents=True)
    PROFILE.save(profile)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_cannot_run_here_is_python_at_least(name: str) -> None:
    found = [code for document in DOCUMENTS for code in blocks(document, "python") if name in code]
    assert found
    for code in found:
        compile(code, name, "exec")
