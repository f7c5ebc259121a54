from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable
from gatewayctl.operations.project.gitignore import IGNORED, ensure_ignored


def test_a_missing_file_is_created(tmp_path: Path) -> None:
    assert ensure_ignored(tmp_path) == IGNORED
    assert (tmp_path / ".gitignore").read_text() == (
        "# gatewayctl: secrets and state\n.env\n.env.gatewayctl-tmp\n.gatewayctl/\n"
        "*.gatewayctl-backup\n"
    )
    assert ensure_ignored(tmp_path) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("*.pyc", "*.pyc\n\n{reason}\n.env\n.env.gatewayctl-tmp\n.gatewayctl/\n{backups}\n"),
        ("/.env\n", "/.env\n\n{reason}\n.env.gatewayctl-tmp\n.gatewayctl/\n{backups}\n"),
        (".gatewayctl\n", ".gatewayctl\n\n{reason}\n.env\n.env.gatewayctl-tmp\n{backups}\n"),
        (
            "a\r\n",
            "a\r\n\r\n{reason}\r\n.env\r\n.env.gatewayctl-tmp\r\n.gatewayctl/\r\n{backups}\r\n",
        ),
    ],
)
def test_missing_lines_come_at_the_end_in_the_files_own_line_ends(
    tmp_path: Path, old: str, new: str
) -> None:
    (tmp_path / ".gitignore").write_bytes(old.encode())

    ensure_ignored(tmp_path)

    assert (tmp_path / ".gitignore").read_bytes() == new.format(
        reason="# gatewayctl: secrets and state", backups="*.gatewayctl-backup"
    ).encode()


@pytest.mark.parametrize(
    "old",
    [
        ".env\n.env.gatewayctl-tmp\n.gatewayctl/\n*.gatewayctl-backup\n",
        "*.gatewayctl-backup\n/.env\n.env.gatewayctl-tmp\n  /.gatewayctl/  \n",
    ],
)
def test_lines_that_are_there_are_not_added_again(tmp_path: Path, old: str) -> None:
    (tmp_path / ".gitignore").write_text(old)

    assert ensure_ignored(tmp_path) == ()
    assert (tmp_path / ".gitignore").read_text() == old


def test_a_comment_or_a_longer_name_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("# .env\n.env.local\n")

    assert ensure_ignored(tmp_path) == IGNORED


def test_bytes_that_are_no_text_stay(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe\n")

    ensure_ignored(tmp_path)

    assert (tmp_path / ".gitignore").read_bytes().startswith(b"\xff\xfe\n")


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("a\n")
    (tmp_path / ".gitignore").symlink_to("shared")

    ensure_ignored(tmp_path)

    assert (tmp_path / ".gitignore").is_symlink()
    assert ".env" in (tmp_path / "shared").read_text()


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").mkdir()

    with pytest.raises(FileUnwritable, match="Cannot read"):
        ensure_ignored(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["k/[prod].json", "a*b?.pem", "#key", "!key", "back\\slash", "blank  ", " first", "a\nb"],
)
def test_a_path_with_special_characters_is_ignored_by_git_alone(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, tmp_path / "k" / "p.json", tmp_path / "aXbX.pem"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    added = ensure_ignored(tmp_path, more=(name,))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert set(done.stdout.split("\0")) == {".gitignore", "k/p.json", "aXbX.pem", ""}
    assert len(added) == len(IGNORED) + 1
    assert ensure_ignored(tmp_path, more=(name,)) == ()
