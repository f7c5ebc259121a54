"""One table of the odd lines that users write, and how python-dotenv, sh and Compose read them.

Lines that all read alike are accepted, every other line is reported with its reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.env_file.read import find_unparsable_lines, read_env_file
from gatewayctl.env_file.readable import find_ambiguous_lines
from tests.unit.env_file.readers import by_compose, by_dotenv, by_sh, skip_without_compose

ALIKE = {
    "NAME=v # comment": "v",
    "NAME=v\t # comment": "v",
    "NAME='v'\t# comment": "v",
    'NAME="v"\t# comment': "v",
    "NAME=v#no-comment": "v#no-comment",
    "NAME=#v": "#v",
    "NAME=v  ": "v",
    "NAME=v\t": "v",
    "\t NAME=v": "v",
    "export NAME=v": "v",
    "export\tNAME=v": "v",
    "NAME=a=b:c,d": "a=b:c,d",
    "NAME==v": "=v",
    "NAME='a # b'": "a # b",
    "NAME='a\\b'": "a\\b",
    "NAME='$HOME'": "$HOME",
    "NAME=p!a*s[s]{w}?^": "p!a*s[s]{w}?^",
    "NAME=größe": "größe",
    "NAME=1\nNAME=2": "2",
    "NAME=": "",
    "NAME=''": "",
}
COMPOSE_DIFFERS = {
    "NAME=v\t# comment": "a tab before its comment",
    "NAME=v \t# comment": "a tab before its comment",
    "NAME=\t# comment": "only a comment",
    "NAME= # comment": "only a comment",
}
DIFFERENT = COMPOSE_DIFFERS | {
    "NAME= v": "quoted",
    "NAME = v": "blanks around its =",
    "NAME=two words": "quoted",
    "NAME=v\u00a0": "quoted",
    "NAME=$HOME": "quoted",
    "NAME=${X:-y}": "`${`",
    'NAME="$HOME"': "quoted",
    "NAME='${HOME}'": "`${`",
    "NAME=a\\b": "quoted",
    'NAME="a\\nb"': "quoted",
    "NAME=it's": "quoted",
    "NAME=v;w": "quoted",
    "NAME=v&w": "quoted",
    "NAME=~/x": "quoted",
    "NAME='v'# comment": "quoted",
    "NAME=v\r": "a carriage return",
    "NA-ME=v": "invalid in sh",
    "[section]": "neither NAME=value nor a comment",
    "\ufeffNAME=v": "a byte order mark",
}
NO_DEFINITION = {
    "NAME: value": "it has : in place of =",
    "NAME:value": "it has : in place of =",
    "NAME : value": "it has : in place of =",
    "export NAME: value": "it has : in place of =",
    '"NAME": "value",': "it has : in place of =",
    "set NAME=value": "remove `set` before the name",
    "- NAME=value": "remove `-` before the name",
    "; a value": "a comment starts with #",
    "// a value": "a comment starts with #",
    "NAME='value": "an open quote",
    "NAME='value' more": "text after a closing quote",
}


def written(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_bytes(f"{text}\n".encode())
    return path


def numbered(lines: list[str]) -> tuple[str, list[str]]:
    """One file with all lines, each with a name of its own, and these names."""
    names = [f"NAME_{number}" for number in range(len(lines))]
    pairs = zip(lines, names, strict=True)
    return "\n".join(line.replace("NAME", name) for line, name in pairs), names


@pytest.mark.parametrize("line", ALIKE)
def test_a_line_that_all_programs_read_alike_is_accepted(line: str, tmp_path: Path) -> None:
    path = written(tmp_path, line)

    assert find_ambiguous_lines(path) == ()
    assert find_unparsable_lines(path) == ()
    assert read_env_file(path)["NAME"].value == by_dotenv(path)["NAME"] == ALIKE[line]
    assert by_sh(path, ["NAME"])["NAME"] == ALIKE[line]


def test_compose_reads_the_accepted_lines_as_the_others_do(tmp_path: Path) -> None:
    skip_without_compose()
    text, names = numbered(list(ALIKE))

    assert list(by_compose(written(tmp_path, text), names).values()) == list(ALIKE.values())


def test_compose_reads_a_comment_behind_a_tab_as_a_part_of_the_value(tmp_path: Path) -> None:
    skip_without_compose()
    text, names = numbered(list(COMPOSE_DIFFERS))

    assert all("#" in value for value in by_compose(written(tmp_path, text), names).values())


@pytest.mark.parametrize("line", DIFFERENT)
def test_a_line_that_programs_read_differently_has_its_reason(line: str, tmp_path: Path) -> None:
    (found,) = find_ambiguous_lines(written(tmp_path, line))

    assert found.line == 1
    assert DIFFERENT[line] in found.reason


@pytest.mark.parametrize("line", NO_DEFINITION)
def test_a_line_that_defines_nothing_has_its_reason_and_shows_no_value(
    line: str, tmp_path: Path
) -> None:
    (found,) = find_unparsable_lines(written(tmp_path, f"FIRST=1\n{line}"))

    assert found.line == 2
    assert found.reason.startswith("not NAME=value: ")
    assert NO_DEFINITION[line] in found.reason
    assert not found.reason.removeprefix("not NAME=value: ").count("value")
