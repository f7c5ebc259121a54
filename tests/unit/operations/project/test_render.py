from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import Drift, FileUnwritable
from gatewayctl.operations.project.render import FileReport, FileState, render
from tests.fakes.projects import MASTER_KEY, project

CALLBACKS = Path("compose/litellm_callbacks.py")
CONFIG = Path("compose/litellm_config.yaml")


def files(callbacks: FileState, config: FileState) -> tuple[FileReport, ...]:
    """The two files of the embedded runtime, without differences."""
    return (
        FileReport(path=CALLBACKS, state=callbacks, diff=None),
        FileReport(path=CONFIG, state=config, diff=None),
    )


def test_files_are_created_then_unchanged_then_updated(tmp_path: Path) -> None:
    first = render(project(tmp_path))
    again = render(project(tmp_path))
    changed = render(project(tmp_path, "models: {m: groq/x}\n"))

    assert first.files == files("created", "created")
    assert again.files == files("unchanged", "unchanged")
    assert changed.files == files("unchanged", "updated")
    assert [first.changed, again.changed, changed.changed] == [True, False, True]
    assert "groq/x" in (tmp_path / CONFIG).read_text()
    assert changed.problem is None


def test_check_writes_nothing_and_calls_a_missing_file_drift(tmp_path: Path) -> None:
    report = render(project(tmp_path), check=True)

    assert report.files == files("missing", "missing")
    assert isinstance(report.problem, Drift)
    assert report.problem.exit_code == 8
    assert "compose/litellm_callbacks.py, compose/litellm_config.yaml differ" in str(report.problem)
    assert not (tmp_path / "compose").exists()


def test_check_finds_an_edit_by_hand_and_leaves_it(tmp_path: Path) -> None:
    render(project(tmp_path))
    (tmp_path / CONFIG).write_text("by hand\n")

    report = render(project(tmp_path), check=True, diff=True)

    assert [file.state for file in report.files] == ["unchanged", "changed"]
    assert "-by hand\n" in (report.files[1].diff or "")
    assert (tmp_path / CONFIG).read_text() == "by hand\n"


def test_check_of_current_files_is_no_problem(tmp_path: Path) -> None:
    render(project(tmp_path))

    report = render(project(tmp_path), check=True)

    assert report.problem is None
    assert not report.changed


def test_a_diff_masks_every_secret_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / CONFIG).write_text(f"{MASTER_KEY}\nopenai-without-prefix\nplain-password\n")
    env = (
        f"LITELLM_MASTER_KEY={MASTER_KEY}\nOPENAI_API_KEY=openai-without-prefix\n"
        "POSTGRES_PASSWORD=plain-password\n"
    )

    report = render(project(tmp_path, env=env), check=True, diff=True)

    diff = report.files[1].diff or ""
    assert "-sk-…cdef\n-…efix\n-…\n" in diff
    for secret in (MASTER_KEY, "openai-without", "plain-password"):
        assert secret not in repr(report)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "compose").write_text("a file")

    with pytest.raises(FileUnwritable):
        render(project(tmp_path))
