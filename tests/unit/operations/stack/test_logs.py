from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatewayctl.errors import UnknownService
from gatewayctl.operations.stack.logs import logs
from gatewayctl.runtimes.base import LogLine
from tests.fakes.runtime import FakeRuntime

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def test_lines_of_the_runtime_are_handed_on() -> None:
    lines = (LogLine(service="litellm", text="one"), LogLine(service="phoenix", text="two"))
    runtime = FakeRuntime(lines=lines)

    assert tuple(logs(runtime, [], tail=None, since=None, follow=False)) == lines
    named = logs(runtime, ["phoenix"], tail=5, since=None, follow=True)
    assert [line.text for line in named] == ["two"]
    assert runtime.calls == [
        "logs all tail=None follow=False",
        "logs phoenix tail=5 follow=True",
    ]


def test_keys_in_a_log_are_masked_and_words_are_not() -> None:
    text = "disk-space of task-runner-17: Bearer sk-virtual-0123456789abcd refused"
    runtime = FakeRuntime(lines=(LogLine(service="litellm", text=text, at=NOW),))

    (line,) = logs(runtime, [], tail=None, since=None, follow=False)

    assert line.text == "disk-space of task-runner-17: Bearer sk-…abcd refused"
    assert line.at == NOW


def test_an_unknown_service_is_refused_before_a_line_is_read() -> None:
    with pytest.raises(UnknownService):
        logs(FakeRuntime(), ["redis"], tail=None, since=None, follow=False)


POLLING = [
    'INFO:     127.0.0.1:34150 - "GET /health/readiness HTTP/1.1" 200 OK',
    'INFO:     127.0.0.1:34150 - "GET /health/liveliness HTTP/1.1" 200 OK',
    'INFO:     127.0.0.1:34150 - "GET /healthz HTTP/1.1" 200 OK',
    'INFO:     127.0.0.1:3 - "GET /v1/projects/gw/spans?trace_id=ab12&limit=1 HTTP/1.1" 200 OK',
    '{"message": "127.0.0.1:4 - \\"GET /health/readiness HTTP/1.1\\" 200", "level": "INFO"}',
]
WANTED = [
    'INFO:     127.0.0.1:34150 - "GET /health/readiness HTTP/1.1" 503 Service Unavailable',
    'INFO:     127.0.0.1:34150 - "GET /v1/projects/gateway/spans?limit=10 HTTP/1.1" 200 OK',
    'INFO:     127.0.0.1:34150 - "GET /health HTTP/1.1" 200 OK',
    'INFO:     127.0.0.1:34150 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
    "the prompt asks about GET /healthz",
]


@pytest.mark.parametrize("text", POLLING)
def test_successful_polling_is_left_out_unless_everything_is_wanted(text: str) -> None:
    runtime = FakeRuntime(lines=(LogLine(service="litellm", text=text),))

    assert list(logs(runtime, [], tail=None, since=None, follow=False)) == []
    (line,) = logs(runtime, [], tail=None, since=None, follow=False, everything=True)
    assert line.text == text


@pytest.mark.parametrize("text", WANTED)
def test_failed_probes_and_other_requests_stay(text: str) -> None:
    runtime = FakeRuntime(lines=(LogLine(service="litellm", text=text),))

    (line,) = logs(runtime, [], tail=None, since=None, follow=False)
    assert line.text == text
