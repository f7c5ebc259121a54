from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.docker.logs import parse_lines, read_logs
from tests.fakes.docker import FakeDocker

SAID = [
    "litellm-1           | 2026-11-23T14:00:02.000000001Z second",
    "postgres-litellm-1  | 2026-11-23T14:00:01.000000001Z first",
    "litellm-1           | 2026-11-23T14:00:03.000000001Z ",
]


def test_lines_of_several_services_are_sorted_by_time() -> None:
    docker = FakeDocker(says={"logs": SAID})

    found = list(read_logs(docker, ["litellm"], tail=5, since=None, follow=False))

    assert [(line.service, line.text) for line in found] == [
        ("postgres-litellm", "first"),
        ("litellm", "second"),
        ("litellm", ""),
    ]
    assert found[0].at == datetime(2026, 11, 23, 14, 0, 1, tzinfo=UTC)
    assert docker.calls == ["logs litellm tail=5 since=None"]


def test_the_tail_of_each_service_counts_the_lines_that_are_kept() -> None:
    docker = FakeDocker(says={"logs": [*SAID, "litellm-1  | 2026-11-23T14:00:09Z probe"]})

    found = read_logs(
        docker, [], tail=1, since=None, follow=False, keep=lambda text: text not in {"probe", ""}
    )

    assert [line.text for line in found] == ["first", "second"]
    assert docker.calls == ["logs  tail=None since=None"]


def test_lines_that_are_not_kept_are_left_out_when_following_too() -> None:
    follow = [
        *SAID,
        "litellm-1  | 2026-11-23T14:00:04Z probe",
        "litellm-1  | 2026-11-23T14:00:05Z x",
    ]
    docker = FakeDocker(says={"logs": SAID, "follow": follow})

    found = read_logs(docker, [], tail=None, since=None, follow=True, keep="probe".__ne__)

    assert [line.text for line in found] == ["first", "second", "", "x"]


def test_following_continues_after_the_past_lines_without_repeating_them() -> None:
    follow = [*SAID, "litellm-1  | 2026-11-23T14:00:04.000000001Z new"]
    docker = FakeDocker(says={"logs": SAID, "follow": follow})

    found = [line.text for line in read_logs(docker, [], tail=None, since=None, follow=True)]

    assert found == ["first", "second", "", "new"]


def test_a_reader_that_stops_ends_the_program() -> None:
    docker = FakeDocker(says={"follow": ["a-1  | 2026-11-23T14:00:04Z x"] * 3})
    lines = read_logs(docker, [], tail=None, since=None, follow=True)

    next(lines)
    lines.close()

    assert docker.closed == ["follow"]


def test_a_failure_to_show_logs_has_its_reason() -> None:
    docker = FakeDocker(ends={"logs": "required variable X is missing a value"})

    with pytest.raises(RuntimeProblem, match="show the logs: required variable X"):
        list(read_logs(docker, [], tail=None, since=None, follow=False))


@pytest.mark.parametrize(
    ("text", "service", "rest"),
    [
        ("\x1b[2Klitellm-1  | 2026-11-23T14:00:01Z a | b", "litellm", "a | b"),
        ("my-app-2-1 | 2026-11-23T14:00:01Z x", "my-app-2", "x"),
        ("litellm-1  | Traceback (most recent call last):", "litellm", "Traceback (most recent"),
    ],
)
def test_a_line_is_parsed(text: str, service: str, rest: str) -> None:
    (found,) = parse_lines([text])

    assert found.service == service
    assert found.text.startswith(rest)


def test_messages_of_compose_itself_are_no_log_lines() -> None:
    assert (
        list(parse_lines(["", "time=x level=warning msg=y", "litellm-1 exited with code 3"])) == []
    )
