from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.env_file.values import quote_value
from gatewayctl.errors import EnvValueUnsafe
from tests.unit.env_file import drawn
from tests.unit.env_file.readers import by_dotenv, by_sh


def saved(folder: str, text: str) -> Path:
    path = Path(folder) / ".env"
    path.write_bytes(text.encode())
    return path


def writable(value: str) -> bool:
    try:
        quote_value("NAME", value)
    except EnvValueUnsafe:
        return False
    return True


@drawn.more
@given(drawn.any_text)
@example("\ufeffA=1\r\n\r\nB='x\r\ny'\r\nA")
@example("A='open\nB='x'\n")
def test_any_text_is_kept_and_read_as_python_dotenv_reads_it(text: str) -> None:
    assume(not text.startswith("\ufeff\ufeff"))
    document = EnvDocument.parse(text)
    assert document.text == text
    with TemporaryDirectory() as folder:
        assert dict(document.values) == by_dotenv(saved(folder, text))


@drawn.more
@given(drawn.any_text)
def test_a_statement_has_its_line(text: str) -> None:
    lines = re.split(r"\r\n|\n|\r", text.lstrip("\ufeff"))
    for statement in EnvDocument.parse(text).statements:
        if first := re.match(r"[^\r\n]*", statement.text.lstrip()).group():  # type: ignore[union-attr]
            assert first.rstrip() in lines[statement.line - 1]


@drawn.more
@given(
    above=drawn.other_lines,
    line=drawn.target_lines,
    below=drawn.other_lines,
    value=drawn.values.filter(writable),
    end=st.sampled_from(["\n", "\r\n"]),
    final_end=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
    duplicate=st.booleans(),
)
def test_a_changed_value_changes_its_own_line_only(
    *,
    above: list[str],
    line: str,
    below: list[str],
    value: str,
    end: str,
    final_end: bool,
    mark: str,
    duplicate: bool,
) -> None:
    head = ["TARGET=of no account", *above] if duplicate else above
    lines = [*head, line, *below]
    before = (mark + end.join(lines) + (end if final_end else "")).replace("\r\n", "\n")
    before = before.replace("\n", end)
    document = EnvDocument.parse(before)
    assume(document.get("TARGET") != value)
    after = document.with_values({"TARGET": value})

    prefix = "".join(each.replace("\n", end) + end for each in head)
    suffix = end.join(each.replace("\n", end) for each in below)
    kept_mark = mark if prefix else ""
    tail = (end if below or final_end else "") + suffix + (end if below and final_end else "")
    assert after.text.startswith(kept_mark + prefix)
    assert after.text.endswith(tail)
    own = after.text[len(kept_mark + prefix) : len(after.text) - len(tail)]
    assert "\n" not in own
    assert own.lstrip().startswith("export") == line.lstrip().startswith("export")
    assert own.endswith(
        line[line.rindex("# keep") :] if "# keep" in line else quote_value("T", value)
    )
    assert after.values == {**document.values, "TARGET": value}
    with TemporaryDirectory() as folder:
        path = saved(folder, after.text)
        assert by_dotenv(path) == after.values
        if end == "\n" and not (mark and head):
            assert by_sh(path, after.values) == after.values


@drawn.more
@given(
    above=drawn.other_lines,
    lines=st.lists(drawn.target_lines, min_size=1, max_size=2),
    below=drawn.other_lines,
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_removal_takes_all_definitions_of_a_name_and_nothing_else(
    above: list[str], lines: list[str], below: list[str], end: str
) -> None:
    def text(*parts: list[str]) -> str:
        return "".join(f"{line}\n" for part in parts for line in part).replace("\n", end)

    document = EnvDocument.parse(text(lines[1:], above, lines[:1], below))
    after = document.without(["TARGET"])
    assert after.text == text(above, below)
    assert "TARGET" not in after.definitions


@drawn.more
@given(
    drawn.other_lines, st.dictionaries(drawn.sh_names, drawn.values.filter(writable), max_size=4)
)
def test_new_names_go_to_the_end(lines: list[str], values: dict[str, str]) -> None:
    before = "\n".join(lines)
    document = EnvDocument.parse(before)
    after = document.with_values(values)
    assert after.text.startswith(before)
    assert after.values == {**document.values, **values}
    assert not values or after.text.endswith("\n")
    with TemporaryDirectory() as folder:
        path = saved(folder, after.text)
        assert by_dotenv(path) == after.values
        assert by_sh(path, after.values) == after.values


@drawn.more
@given(drawn.any_text, drawn.names, drawn.values.filter(writable))
def test_repeating_a_change_changes_nothing(text: str, name: str, value: str) -> None:
    once = EnvDocument.parse(text).with_values({name: value})
    assume(once.get(name) == value)
    assert once.with_values({name: value}).text == once.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nT=old\nB=2\n", "A=1\nT=new\nB=2\n"),
        ("T=old", "T=new"),
        ("T=first\nT=old\n", "T=first\nT=new\n"),
        ("export T=old # why\n", "export T='new' # why\n"),
        ("\n\n  T = old\t# why\n\n", "\n\n  T='new'\t# why\n\n"),
        ("T=\r\nB=2\r\n", "T=new\r\nB=2\r\n"),
        ("T= # fill in\n", "T='new' # fill in\n"),
        ("T=#none\n", "T=new\n"),
        ("T='a # b'# why\n", "T='new' # why\n"),
        ('T="a\nb" # why\nB=2\n', "T='new' # why\nB=2\n"),
        ("'T'=old\n", "T=new\n"),
        ("T\n", "T=new\n"),
        ("A=1\nexport T\n", "A=1\nexport T=new\n"),
        ("T=old\nT\n", "T=old\nT=new\n"),
        ("# T=commented\n", "# T=commented\nT=new\n"),
        ("A=1", "A=1\nT=new\n"),
        ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nT=new\r\n"),
        ("A=1\r\nB=2\nC=3\n", "A=1\r\nB=2\nC=3\nT=new\n"),
        ("", "T=new\n"),
        ("\ufeff", "T=new\n"),
        ("\ufeffT=old\n", "T=new\n"),
        ("\ufeff\nT=old\n", "\ufeff\nT=new\n"),
        ("\ufeff# comment\nT=old\n", "\ufeff# comment\nT=new\n"),
        ("  ", "  \nT=new\n"),
        ("\u00a0T=old\u00a0# why\n", "T='new' # why\n"),
    ],
)
def test_a_line_keeps_what_all_programs_read_alike(before: str, after: str) -> None:
    assert EnvDocument.parse(before).with_values({"T": "new"}).text == after


def test_an_equal_value_does_not_change_its_line() -> None:
    text = 'T = "same" # odd, but yours\n'
    assert EnvDocument.parse(text).with_values({"T": "same"}).text == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "# Keys\nT=new\n"),
        ("A=1\n", "A=1\n\n# Keys\nT=new\n"),
        ("A=1", "A=1\n\n# Keys\nT=new\n"),
        ("A=1\r\n", "A=1\r\n\r\n# Keys\r\nT=new\r\n"),
        ("# Keys\nA=1\n", "# Keys\nA=1\nT=new\n"),
        ("T=old\n", "T=new\n"),
    ],
)
def test_a_comment_is_written_once_above_new_names(before: str, after: str) -> None:
    assert EnvDocument.parse(before).with_values({"T": "new"}, comment="Keys").text == after


def test_a_comment_of_two_lines_stays_a_comment() -> None:
    after = EnvDocument.parse("").with_values({"T": "new"}, comment="One\n\nB=2")
    assert after.text == "# One\n#\n# B=2\nT=new\n"


def test_an_invalid_name_is_refused() -> None:
    with pytest.raises(EnvValueUnsafe):
        EnvDocument.parse("").with_values({"a b": "c"})


def test_values_are_not_in_its_representation() -> None:
    assert "hidden" not in repr(EnvDocument.parse("A=hidden\n"))
