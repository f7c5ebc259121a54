from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from gatewayctl.errors import FileUnwritable
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.rendering.write import compare_files, write_files
from gatewayctl.settings.masking import remember


def file(path: str, content: str) -> RenderedFile:
    return RenderedFile(path=PurePosixPath(path), content=content)


ONE, TWO = file("one.yml", "a: 1\nb: 2\n"), file("deep/two.yml", "c: 3\n")


def test_missing_files_are_written_and_then_unchanged(tmp_path: Path) -> None:
    folder = tmp_path / "compose"

    assert [found.state for found in write_files((ONE, TWO), folder)] == ["missing", "missing"]
    assert (folder / "one.yml").read_text() == ONE.content
    assert (folder / "deep" / "two.yml").read_text() == TWO.content
    assert (folder / "one.yml").stat().st_mode & 0o777 == 0o644
    assert [found.state for found in write_files((ONE, TWO), folder)] == ["unchanged", "unchanged"]


def test_comparing_writes_nothing(tmp_path: Path) -> None:
    found = compare_files((ONE,), tmp_path / "compose")

    assert found[0].state == "missing"
    assert "+a: 1" in found[0].diff
    assert not (tmp_path / "compose").exists()


def test_an_unchanged_file_is_not_touched(tmp_path: Path) -> None:
    write_files((ONE, TWO), tmp_path)
    os.utime(tmp_path / "one.yml", ns=(1, 1))
    before = (tmp_path / "one.yml").stat()
    (tmp_path / "deep" / "two.yml").write_text("edited by hand\n")

    write_files((ONE, TWO), tmp_path)

    after = (tmp_path / "one.yml").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert (tmp_path / "deep" / "two.yml").read_text() == TWO.content


def test_files_that_are_not_rendered_stay(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.override.yml").write_text("mine\n")

    write_files((ONE,), tmp_path)

    assert (tmp_path / "docker-compose.override.yml").read_text() == "mine\n"


def test_a_diff_goes_from_disk_to_rendered(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_text("a: 1\nb: 9\n")

    (found,) = compare_files((ONE,), tmp_path)

    assert found.state == "changed"
    assert found.diff == (
        "--- one.yml (on disk)\n+++ one.yml (rendered)\n@@ -1,2 +1,2 @@\n a: 1\n-b: 9\n+b: 2\n"
    )


def test_a_diff_shows_a_missing_newline_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_text("a: 1\nb: 2")

    (found,) = compare_files((ONE,), tmp_path)

    assert found.diff.endswith("-b: 2\n\\ No newline at end of file\n+b: 2\n")


def test_a_diff_masks_known_secrets_and_what_looks_like_a_key(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_text(
        "key: sk-written-in-by-hand-0001\npassword: hunter2hunter2\nlonger: hunter2hunter2more99\n"
        "short: ab\n"
    )
    remember(["hunter2hunter2", "hunter2hunter2more99", "ab", ""])

    (found,) = compare_files((ONE,), tmp_path)

    assert "hunter2" not in found.diff
    assert "by-hand" not in found.diff
    assert "-key: sk-…0001\n-password: …\n-longer: …re99\n-short: ab\n" in found.diff


def test_a_binary_file_counts_as_changed(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_bytes(b"\xff\xfe")

    assert compare_files((ONE,), tmp_path)[0].state == "changed"


def test_a_link_inside_the_folder_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.yml").write_text("old\n")
    (tmp_path / "one.yml").symlink_to("real.yml")

    write_files((ONE,), tmp_path)

    assert (tmp_path / "one.yml").is_symlink()
    assert (tmp_path / "real.yml").read_text() == ONE.content


def test_a_link_out_of_the_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yml"
    outside.write_text("not ours\n")
    (tmp_path / "compose" / "deep").mkdir(parents=True)
    (tmp_path / "compose" / "deep" / "two.yml").symlink_to(outside)

    with pytest.raises(FileUnwritable, match=r"two\.yml is a link to .*outside\.yml"):
        write_files((ONE, TWO), tmp_path / "compose")

    assert outside.read_text() == "not ours\n"
    assert not (tmp_path / "compose" / "one.yml").exists()


def test_a_folder_that_is_a_link_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "compose").symlink_to("elsewhere")

    write_files((ONE,), tmp_path / "compose")

    assert (tmp_path / "elsewhere" / "one.yml").read_text() == ONE.content


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yml").symlink_to("one.yml")

    with pytest.raises(FileUnwritable):
        compare_files((ONE,), tmp_path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one.yml").mkdir()

    with pytest.raises(FileUnwritable, match=r"Cannot read .*: Is a directory"):
        compare_files((ONE,), tmp_path)


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "compose").write_text("a file")

    with pytest.raises(FileUnwritable, match="Not a directory"):
        write_files((ONE,), tmp_path / "compose")
