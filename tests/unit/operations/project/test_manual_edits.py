from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable
from gatewayctl.operations.project.render import render
from tests.fakes.projects import project

CONFIG = Path("compose/litellm_config.yaml")
COPY = Path("compose/litellm_config.yaml.bak")


def test_an_edited_file_is_regenerated_and_the_edit_kept(tmp_path: Path) -> None:
    render(project(tmp_path))
    whole = (tmp_path / CONFIG).read_text()
    (tmp_path / CONFIG).write_text(whole + "# mine\n")

    report = render(project(tmp_path))

    assert (tmp_path / CONFIG).read_text() == whole
    assert (tmp_path / COPY).read_text() == whole + "# mine\n"
    assert stat.S_IMODE((tmp_path / COPY).stat().st_mode) == 0o600
    assert len(report.warnings) == 1
    assert "compose/litellm_config.yaml.bak" in report.warnings[0]


def test_an_older_rendering_is_not_an_edit(tmp_path: Path) -> None:
    render(project(tmp_path))

    report = render(project(tmp_path, "models: {m: groq/x}\n"))

    assert report.warnings == ()
    assert not (tmp_path / COPY).exists()


def test_a_file_that_was_never_written_here_counts_as_edited(tmp_path: Path) -> None:
    (tmp_path / "compose").mkdir()
    (tmp_path / CONFIG).write_text("somebody's own\n")

    report = render(project(tmp_path))

    assert (tmp_path / COPY).read_text() == "somebody's own\n"
    assert len(report.warnings) == 1


def test_a_comparison_keeps_no_copy(tmp_path: Path) -> None:
    render(project(tmp_path))
    (tmp_path / CONFIG).write_text("by hand\n")

    assert render(project(tmp_path), check=True).warnings == ()
    assert (tmp_path / CONFIG).read_text() == "by hand\n"
    assert not (tmp_path / COPY).exists()


def test_without_its_memory_it_keeps_more_copies_and_loses_nothing(tmp_path: Path) -> None:
    render(project(tmp_path))
    (tmp_path / ".gatewayctl" / "rendered.json").write_text("not json")

    report = render(project(tmp_path, "models: {m: groq/x}\n"))

    assert (tmp_path / COPY).exists()
    assert len(report.warnings) == 1


def test_an_edited_file_that_cannot_be_copied_is_not_overwritten(tmp_path: Path) -> None:
    render(project(tmp_path))
    (tmp_path / CONFIG).write_text("by hand\n")
    (tmp_path / COPY).mkdir()

    with pytest.raises(FileUnwritable):
        render(project(tmp_path))

    assert (tmp_path / CONFIG).read_text() == "by hand\n"
