from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gatewayctl.env_file.read import EnvProblem, EnvValue, find_unparsable_lines, read_env_file
from gatewayctl.errors import EnvFileMissing, EnvFileUnreadable
from tests.fakes.other_user import as_nobody


def env(folder: Path, content: bytes) -> Path:
    path = folder / ".env"
    path.write_bytes(content)
    return path


def test_values_have_the_line_of_their_last_definition(tmp_path: Path) -> None:
    content = b"# one\n\nA=1\nB='x\ny'\r\n\r\nexport C=3 # c\nA=2\n"
    assert read_env_file(env(tmp_path, content)) == {
        "A": EnvValue(value="2", line=8),
        "B": EnvValue(value="x\ny", line=4),
        "C": EnvValue(value="3", line=7),
    }


def test_a_byte_order_mark_and_crlf_are_not_part_of_a_value(tmp_path: Path) -> None:
    path = env(tmp_path, b"\xef\xbb\xbfA=1\r\nB='2'\r\n")
    assert read_env_file(path) == {
        "A": EnvValue(value="1", line=1),
        "B": EnvValue(value="2", line=2),
    }


def test_a_value_is_not_interpolated(tmp_path: Path) -> None:
    assert read_env_file(env(tmp_path, b"A='pa${HOME}ss'\n"))["A"].value == "pa${HOME}ss"


def test_a_bare_name_has_no_value_even_after_a_definition(tmp_path: Path) -> None:
    assert set(read_env_file(env(tmp_path, b"A=1\nB=2\nexport A\n"))) == {"B"}


def test_lines_that_cannot_be_parsed_are_reported_by_number_and_without_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = env(tmp_path, b'A=1\r\n\r\nB=\'secret\r\nC=3\r\nD="x" secret\r\n')
    with caplog.at_level(logging.DEBUG):
        assert set(read_env_file(path)) == {"A", "C"}
        found = find_unparsable_lines(path)
    assert [problem.line for problem in found] == [3, 5]
    assert "secret" not in repr(found)
    assert caplog.records == []


def test_a_valid_file_has_no_problems(tmp_path: Path) -> None:
    assert find_unparsable_lines(env(tmp_path, b"# it's\nA=1\nexport A\n\n")) == ()


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    for ask in (read_env_file, find_unparsable_lines):
        with pytest.raises(EnvFileMissing, match=r"/\.env does not exist"):
            ask(tmp_path / ".env")


def test_a_link_to_nothing_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to("nowhere")
    with pytest.raises(EnvFileMissing):
        read_env_file(tmp_path / ".env")


def test_a_folder_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(EnvFileUnreadable, match=r"Cannot read .*/\.env: Is a directory"):
        read_env_file(tmp_path / ".env")


def test_a_loop_of_links_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(".env")
    with pytest.raises(EnvFileUnreadable, match="symbolic links"):
        read_env_file(tmp_path / ".env")


def test_a_file_without_read_permission_is_unreadable(shared_path: Path) -> None:
    path = env(shared_path, b"A=1\n")
    path.chmod(0)
    with as_nobody(), pytest.raises(EnvFileUnreadable, match=r"/\.env.*Permission denied"):
        read_env_file(path)


@pytest.mark.parametrize("content", [b"A=1\nB=\xff\xfe secret\n", "A=1\nB=ä\n".encode("latin-1")])
def test_what_is_not_utf8_is_unreadable_and_reported_with_its_line(
    tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(EnvFileUnreadable, match=r"/\.env is not a text.*line 2") as refused:
        read_env_file(env(tmp_path, content))
    assert "secret" not in refused.value.message
    assert refused.value.__context__ is None


def test_utf16_is_unreadable(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le"):
        with pytest.raises(EnvFileUnreadable):
            read_env_file(env(tmp_path, "A=1\n".encode(encoding)))


def test_values_are_not_in_their_representation() -> None:
    assert "hidden" not in repr(EnvValue(value="hidden", line=1))
    assert repr(EnvProblem(line=1, reason="why"))
