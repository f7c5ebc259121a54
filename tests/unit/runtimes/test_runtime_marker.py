from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable
from gatewayctl.runtimes.runtime_marker import clear_runtime, read_runtime, write_runtime


def test_a_project_without_a_stack_has_no_runtime(tmp_path: Path) -> None:
    assert read_runtime(tmp_path / ".gatewayctl") is None


def test_a_recorded_runtime_is_known_until_it_is_cleared(tmp_path: Path) -> None:
    state = tmp_path / ".gatewayctl"

    write_runtime(state, "docker")
    first = read_runtime(state)
    write_runtime(state, "embedded")
    second = read_runtime(state)
    clear_runtime(state)
    clear_runtime(state)

    assert (first, second, read_runtime(state)) == ("docker", "embedded", None)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_data_without_a_record_is_of_the_embedded_runtime(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)

    assert read_runtime(tmp_path) == "embedded"

    write_runtime(tmp_path, "docker")

    assert read_runtime(tmp_path) == "docker"


@pytest.mark.parametrize("content", [b"", b"podman\n", b"\xff\xfe"])
def test_an_invalid_record_counts_as_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "runtime").write_bytes(content)

    assert read_runtime(tmp_path) is None


def test_a_record_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(FileUnwritable, match="state"):
        write_runtime(tmp_path / "state", "docker")
