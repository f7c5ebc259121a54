from __future__ import annotations

import itertools
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayctl.errors import UnknownService
from gatewayctl.runtimes.kubernetes.logs import parse_lines
from tests.fakes.cluster_controllers import CRASHING
from tests.unit.runtimes.kubernetes.stack import SERVICES, Stack


def test_logs_have_the_lines_of_each_service_in_order_of_time(running: Stack) -> None:
    running.cluster.log = "first\nsecond\nthird"

    lines = list(running.runtime.logs([], tail=2, since=None, follow=False))

    assert {line.service for line in lines} == set(SERVICES)
    assert [line.text for line in lines if line.service == "phoenix"] == ["second", "third"]
    assert [line.at for line in lines] == sorted(line.at for line in lines if line.at)


def test_migrations_are_a_part_of_litellms_log(running: Stack) -> None:
    lines = list(running.runtime.logs(["litellm"], tail=None, since=None, follow=False))

    pods = {words[1] for words in running.cluster.calls if words[0] == "logs"}
    assert {line.service for line in lines} == {"litellm"}
    assert len(lines) == 2, pods


def test_the_limit_of_lines_counts_those_that_are_kept(running: Stack) -> None:
    running.cluster.log = "keep 1\nkeep 2\nno\nno"

    lines = running.runtime.logs(
        ["phoenix"], tail=1, since=None, follow=False, keep=lambda text: "keep" in text
    )

    assert [line.text for line in lines] == ["keep 2"]


def test_a_time_limits_the_log_on_the_server(running: Stack) -> None:
    since = datetime(2026, 11, 29, 11, 30, tzinfo=UTC)

    list(running.runtime.logs(["phoenix"], tail=None, since=since, follow=False))

    assert "--since-time=2026-11-29T11:30:00.000000Z" in running.cluster.calls[-1]


def test_what_a_crashed_run_wrote_is_in_the_log(running: Stack) -> None:
    running.cluster.broken["phoenix"] = CRASHING
    running.cluster.reconcile(running.live("Deployment", "phoenix"))

    list(running.runtime.logs(["phoenix"], tail=None, since=None, follow=False))

    assert any("--previous" in words for words in running.cluster.calls)


def test_an_unknown_service_has_no_log(running: Stack) -> None:
    with pytest.raises(UnknownService, match="no service 'x'"):
        running.runtime.logs(["x"], tail=None, since=None, follow=False)


def test_the_last_lines_of_a_service_have_no_times(running: Stack) -> None:
    running.cluster.log = "one\ntwo"

    assert running.runtime.last_lines("phoenix", 1) == "two"
    assert running.runtime.last_lines("unknown") == ""


def test_lines_of_unknown_pods_and_messages_of_kubectl_are_left_out() -> None:
    lines = [
        "[pod/a/main] 2026-11-29T12:00:00.123456789Z text with [brackets]",
        "[pod/b/main] 2026-11-29T12:00:00Z of others",
        "error: something",
        "[pod/a/main] no time here",
    ]

    found = list(parse_lines(lines, {"a": "litellm"}))

    assert [each.line.text for each in found] == ["text with [brackets]", "no time here"]
    assert found[0].line.at == datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_pod_that_does_not_run_yet_hides_no_other_log(running: Stack) -> None:
    (waiting_pod,) = running.cluster.pods_of("phoenix")
    refusal = (
        'Error from server (BadRequest): container "phoenix" in pod "phoenix-1" is waiting to'
        " start: ContainerCreating"
    )
    running.cluster.failing.append((("logs", waiting_pod["metadata"]["name"]), refusal))

    lines = list(running.runtime.logs([], tail=None, since=None, follow=False))

    assert {line.service for line in lines} == {"postgres-litellm", "postgres-phoenix", "litellm"}


def test_lines_of_the_same_second_before_the_time_are_left_out(running: Stack) -> None:
    """The API has whole seconds, so the server sends them."""
    running.cluster.log = "\n".join(f"line {number}" for number in range(5000))
    since = datetime(2026, 11, 29, 12, 0, 0, 3, tzinfo=UTC)

    lines = list(running.runtime.logs(["phoenix"], tail=None, since=since, follow=False))

    assert [line.text for line in lines] == [f"line {number}" for number in range(3000, 5000)]


def test_a_line_with_an_unusual_line_separator_stays_whole(running: Stack) -> None:
    running.cluster.log = "one\u2028two\x85three"

    assert running.runtime.last_lines("phoenix") == "one\u2028two\x85three"


@pytest.mark.parametrize(("tail", "shown"), [(None, 6), (1, 1), (0, 0)])
def test_a_followed_log_has_each_line_once_also_of_a_pod_that_was_read_earlier(
    tail: int | None, shown: int, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.yaml = "kubernetes: {replicas: 2}\n"
    stack.up()
    stack.cluster.log = "first\nsecond"
    one, two = (pod["metadata"]["name"] for pod in stack.cluster.pods_of("litellm"))
    program = tmp_path / "kubectl"
    at = "2026-11-29T12:00:00.00000000"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{one}*) pod={one} ;; *) pod={two} ;; esac\n'
        f'echo "[pod/$pod/main] {at}0Z first"; echo "[pod/$pod/main] {at}1Z second"\n'
        f'echo "[pod/$pod/main] {at}2Z third"; echo "[pod/$pod/main] {at}3Z fourth"\n'
        "exec sleep 60\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    following = stack.runtime.logs(["litellm"], tail=tail, since=None, follow=True)
    assert isinstance(following, Generator)
    past = list(itertools.islice(following, shown))
    new = list(itertools.islice(following, 4))
    following.close()

    assert len(past) == shown
    assert {line.text for line in past} <= {"first", "second"}
    assert sorted(line.text for line in new) == ["fourth", "fourth", "third", "third"]
