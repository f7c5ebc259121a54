from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.env_file.readable import find_ambiguous_lines
from gatewayctl.env_file.values import quote_value
from gatewayctl.errors import EnvFileMissing, EnvFileUnreadable


def reasons(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / ".env"
    path.write_bytes(text.encode())
    return [f"{each.line} {each.name} {each.reason}" for each in find_ambiguous_lines(path)]


@pytest.mark.parametrize(
    "line",
    [
        "NAME=plain", "NAME=", "NAME=''", 'NAME=""', "NAME='with blanks $and dollars'",
        'NAME="plain words"', "export NAME=plain", "NAME=plain # a comment", "# NAME=a b", "",
        f"NAME={quote_value('NAME', 'it' + chr(39) + 's')}", "NAME",
    ],
)  # fmt: skip
def test_what_all_programs_read_alike_is_accepted(line: str, tmp_path: Path) -> None:
    assert reasons(tmp_path, f"{line}\n") == []


@pytest.mark.parametrize(
    "line",
    ["NAME=two words", "NAME=pa$word", 'NAME="pa$word"', "NAME = blanks", "NAME=a`b`", "NAME=~/x",
     "NAME=it's", "NAME=plain\r", "NAME='a${HOME}b'"],
)  # fmt: skip
def test_what_programs_read_differently_is_found(line: str, tmp_path: Path) -> None:
    (reason,) = reasons(tmp_path, f"FIRST=1\n{line}\n")

    assert reason.startswith("2 NAME ")


def test_no_reason_contains_a_value(tmp_path: Path) -> None:
    assert "hunter" not in "".join(reasons(tmp_path, "NAME=hunter $2 ${x} `y`\nOTHER=hunter 3\n"))


def test_what_is_not_a_text_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvFileMissing):
        find_ambiguous_lines(tmp_path / ".env")
    (tmp_path / ".env").write_bytes(b"NAME=\xff\n")
    with pytest.raises(EnvFileUnreadable, match="line 1"):
        find_ambiguous_lines(tmp_path / ".env")
    with pytest.raises(EnvFileUnreadable, match="directory"):
        find_ambiguous_lines(tmp_path)
