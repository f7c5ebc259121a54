from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.runtimes.base import LogLine
from gatewayctl.runtimes.embedded.logs import _Log, last_lines, measure, parse_line, read_logs


def at(second: int) -> datetime:
    return datetime(2026, 11, 23, 14, 0, second, tzinfo=UTC)


def stamped(second: int, text: str) -> str:
    return f"2026-11-23T14:00:{second:02}.000Z {text}\n"


def texts(
    files: dict[str, Path], *, tail: int | None = None, since: datetime | None = None
) -> list[str]:
    found = read_logs(files, tail=tail, since=since, follow=False)
    return [f"{line.service} {line.text}" for line in found]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "litellm.log"


# One line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2026-11-23T14:00:01.000Z hello", LogLine(service="s", text="hello", at=at(1))),
        (
            "2026-11-23 14:00:01.000 UTC [7] LOG:  ready",
            LogLine(service="s", text="[7] LOG:  ready", at=at(1)),
        ),
        ("2026-11-23T14:00:01.000Z ", LogLine(service="s", text="", at=at(1))),
        ("no time at all", LogLine(service="s", text="no time at all")),
        ("", LogLine(service="s", text="")),
        (
            "2026-13-45T99:99:99.0Z there is no such day",
            LogLine(service="s", text="2026-13-45T99:99:99.0Z there is no such day"),
        ),
        (
            "later 2026-11-23T14:00:01.000Z",
            LogLine(service="s", text="later 2026-11-23T14:00:01.000Z"),
        ),
    ],
)
def test_the_timestamp_at_the_start_of_a_line_is_parsed(text: str, line: LogLine) -> None:
    assert parse_line("s", text) == line


@given(st.text())
def test_any_line_can_be_parsed(text: str) -> None:
    assert text.endswith(parse_line("s", text).text)


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}\.[0-9]{1,9}(Z| UTC) x"))
def test_an_invalid_timestamp_stays_part_of_the_text(text: str) -> None:
    assert text.endswith(parse_line("s", text).text)


# The end of a log


def test_the_last_lines_of_a_log(log: Path) -> None:
    log.write_text("one\ntwo\nthree\n")

    assert last_lines(log, 2) == "two\nthree"


def test_the_last_lines_since_a_size_of_the_log(log: Path) -> None:
    log.write_text("old\n")
    before = measure(log)
    log.write_text("old\nnew\n")

    assert last_lines(log, after=before) == "new"
    log.write_text("1\n")  # rotated since
    assert last_lines(log, after=before) == "1"


def test_a_missing_log_has_no_last_lines(log: Path) -> None:
    assert last_lines(log) == ""


def test_invalid_utf_8_does_not_hide_the_other_lines(log: Path) -> None:
    log.write_bytes(b"fine\n\xff\xfe\nfine too\n")

    assert last_lines(log).splitlines()[::2] == ["fine", "fine too"]
    assert len(texts({"litellm": log})) == 3


# All lines so far


def test_lines_of_several_services_are_in_chronological_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(stamped(1, "one") + stamped(4, "four"))
    (tmp_path / "b").write_text(stamped(2, "two") + stamped(3, "three") + stamped(5, "five"))

    found = texts({"a": tmp_path / "a", "b": tmp_path / "b"})

    assert found == ["a one", "b two", "b three", "a four", "b five"]


def test_a_line_without_a_timestamp_follows_the_line_it_belongs_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(stamped(1, "Traceback") + "  File x\n" + stamped(3, "after"))
    (tmp_path / "b").write_text(stamped(2, "between"))

    found = texts({"a": tmp_path / "a", "b": tmp_path / "b"})

    assert found == ["a Traceback", "a   File x", "b between", "a after"]


def test_an_incomplete_last_line_is_shown_when_not_following(log: Path) -> None:
    log.write_text(stamped(1, "whole") + "half")

    assert texts({"litellm": log}) == ["litellm whole", "litellm half"]


def test_a_service_without_a_log_has_no_lines(log: Path) -> None:
    assert texts({"litellm": log}) == []


def test_the_tail_counts_per_service(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(stamped(1, "one") + stamped(3, "three"))
    (tmp_path / "b").write_text(stamped(2, "two") + stamped(4, "four"))
    files = {"a": tmp_path / "a", "b": tmp_path / "b"}

    assert texts(files, tail=1) == ["a three", "b four"]
    assert texts(files, tail=0) == []
    assert len(texts(files, tail=99)) == 4


def test_lines_since_a_time_include_their_continuation_lines(log: Path) -> None:
    log.write_text("before any\n" + stamped(1, "one") + "of one\n" + stamped(2, "two") + "of two\n")

    found = texts({"litellm": log}, since=at(2))

    assert found == ["litellm two", "litellm of two"]


def test_the_tail_is_taken_from_the_lines_since_the_time(log: Path) -> None:
    log.write_text(stamped(1, "one") + stamped(2, "two") + stamped(3, "three"))

    assert texts({"litellm": log}, since=at(2), tail=1) == ["litellm three"]
    assert texts({"litellm": log}, since=at(9), tail=1) == []


def test_rotated_parts_are_read_oldest_first(log: Path) -> None:
    log.with_name("litellm.log.10").write_text(stamped(1, "oldest"))
    log.with_name("litellm.log.2").write_text(stamped(2, "older"))
    log.with_name("litellm.log.1").write_text(stamped(3, "old"))
    log.write_text(stamped(4, "new"))

    found = [text.removeprefix("litellm ") for text in texts({"litellm": log})]

    assert found == ["oldest", "older", "old", "new"]


@pytest.mark.parametrize("name", ["litellm.log.1.gz", "litellm.log.1~", "litellm.log.old"])
def test_other_files_beside_a_log_are_not_rotated_parts(name: str, log: Path) -> None:
    log.with_name(name).write_bytes(b"\x1f\x8b not lines")
    log.write_text(stamped(1, "only"))

    assert texts({"litellm": log}) == ["litellm only"]


LINES = st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")))


@given(LINES, st.lists(st.integers(min_value=0, max_value=200), max_size=3))
def test_wherever_a_log_was_rotated_its_lines_are_complete(
    lines: list[str], cuts: list[int]
) -> None:
    data = "".join(f"{line}\n" for line in lines)
    ends = sorted(min(cut, len(data)) for cut in cuts)
    parts = [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]
    with TemporaryDirectory() as folder:
        for age, part in enumerate(reversed(parts)):
            name = "x.log" if age == 0 else f"x.log.{age}"
            Path(folder, name).write_bytes(part.encode())
        found = list(read_logs({"x": Path(folder, "x.log")}, tail=None, since=None, follow=False))

    assert [line.text for line in found] == [parse_line("x", line).text for line in lines]


# New lines


class FakeSleep:
    """The time between two polls: each sleep runs the next event, after the last comes Ctrl-C."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self.left = list(events)

    def __call__(self, seconds: float) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left.pop(0)()


def follow(
    files: dict[str, Path], *events: Callable[[], object], tail: int | None = None
) -> list[LogLine]:
    lines = read_logs(files, tail=tail, since=None, follow=True, sleep=FakeSleep(*events))
    return list(until_interrupted(lines))


def until_interrupted(lines: Iterator[LogLine]) -> Iterator[LogLine]:
    """The lines up to Ctrl-C: following has no other end."""
    with pytest.raises(KeyboardInterrupt):
        yield from lines


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def texts_of(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_following_yields_lines_as_they_are_written(log: Path) -> None:
    log.write_text(stamped(1, "one"))

    seen = follow(
        {"litellm": log},
        lambda: append(log, stamped(2, "two")),
        lambda: None,
        lambda: append(log, stamped(3, "three") + stamped(4, "four")),
    )

    assert texts_of(seen) == ["one", "two", "three", "four"]
    assert [line.at for line in seen] == [at(1), at(2), at(3), at(4)]


def test_a_line_written_in_two_parts_is_one_line(log: Path) -> None:
    log.write_text(stamped(1, "one") + "2026-11-23T14:00:0")

    seen = follow({"litellm": log}, lambda: append(log, "2.000Z two\n"))

    assert texts_of(seen) == ["one", "two"]


def test_lines_written_while_old_ones_are_read_are_shown_once(log: Path) -> None:
    log.write_text(stamped(1, "one") + stamped(2, "two"))
    lines = read_logs({"litellm": log}, tail=None, since=None, follow=True, sleep=FakeSleep())
    seen = [next(lines)]

    append(log, stamped(3, "three"))
    seen += until_interrupted(lines)

    assert texts_of(seen) == ["one", "two", "three"]


def test_following_across_a_rotation_loses_no_line(log: Path) -> None:
    log.write_text(stamped(1, "one"))

    def rotate() -> None:
        append(log, stamped(2, "two"))
        log.rename(log.with_name("litellm.log.1"))
        log.write_text(stamped(3, "three"))

    seen = follow({"litellm": log}, rotate, lambda: append(log, stamped(4, "four")))

    assert texts_of(seen) == ["one", "two", "three", "four"]


def test_a_rotation_while_old_lines_are_read_shows_no_line_twice(log: Path) -> None:
    other = log.with_name("other.log")
    other.write_text(stamped(1, "first of the other"))
    log.write_text(stamped(2, "one"))
    lines = read_logs({"other": other, "litellm": log}, tail=None, since=None, follow=False)
    seen = [next(lines)]

    log.rename(log.with_name("litellm.log.1"))
    log.write_text(stamped(3, "two"))
    seen += lines

    assert texts_of(seen) == ["first of the other", "one", "two"]


def test_a_file_that_is_rotated_after_it_was_opened_is_read_once(log: Path) -> None:
    log.write_text(stamped(1, "one"))

    with closing(_Log("litellm", log)) as opened:
        log.rename(log.with_name("litellm.log.1"))
        log.write_text(stamped(2, "two"))
        seen = list(opened.so_far(unfinished=True))

    assert texts_of(seen) == ["one", "two"]


def test_a_log_that_does_not_exist_yet_is_followed_from_its_beginning(log: Path) -> None:
    seen = follow({"litellm": log}, lambda: log.write_text(stamped(1, "one")))

    assert texts_of(seen) == ["one"]


def test_a_deleted_log_is_followed_again_once_it_is_recreated(log: Path) -> None:
    log.write_text(stamped(1, "one"))

    seen = follow({"litellm": log}, log.unlink, lambda: log.write_text(stamped(2, "two")))

    assert texts_of(seen) == ["one", "two"]


def test_following_starts_with_the_tail(log: Path) -> None:
    log.write_text(stamped(1, "one") + stamped(2, "two"))

    seen = follow({"litellm": log}, lambda: append(log, stamped(3, "three")), tail=1)

    assert texts_of(seen) == ["two", "three"]


def test_a_reader_that_stops_early_leaves_no_file_open(log: Path) -> None:
    log.write_text(stamped(1, "one"))
    lines = read_logs({"litellm": log}, tail=None, since=None, follow=True)

    first = list(islice(lines, 1))
    lines.close()  # type: ignore[attr-defined]

    # An open file would be a ResourceWarning, and every warning is an error here.
    assert texts_of(first) == ["one"]


def test_the_tail_counts_the_lines_that_are_kept(log: Path) -> None:
    log.write_text(stamped(1, "one") + stamped(2, "two") + stamped(3, "probe"))

    found = read_logs(
        {"litellm": log}, tail=1, since=None, follow=False, keep=lambda text: text != "probe"
    )

    assert [line.text for line in found] == ["two"]


def test_lines_that_are_not_kept_are_left_out_when_following_too(log: Path) -> None:
    log.write_text(stamped(1, "probe") + stamped(2, "one"))
    lines = read_logs(
        {"litellm": log},
        tail=None,
        since=None,
        follow=True,
        keep=lambda text: text != "probe",
        sleep=lambda _: None,
    )

    first = next(lines)
    with log.open("a") as file:
        file.write(stamped(3, "probe") + stamped(4, "two"))

    assert [first.text, next(lines).text] == ["one", "two"]
